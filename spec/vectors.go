package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// WireVector is a case of vectors/wire.json: a raw message in the list with the
// key e, and its two verdicts.
type WireVector struct {
	ID           string     `json:"id"`
	About        string     `json:"about"`
	Requirements []string   `json:"requirements"`
	Message      RawMessage `json:"message"`
	Verdict      string     `json:"verdict"`
	Legacy       string     `json:"legacy"`
	Platform     bool       `json:"platform"` // legacy is the worst of several
	Findings     []string   `json:"findings"`
}

// WireVectors reads vectors/wire.json.
func WireVectors() ([]WireVector, error) {
	text, err := Files.ReadFile("vectors/wire.json")
	if err != nil {
		return nil, err
	}
	var file struct {
		Cases []WireVector `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("vectors/wire.json: %w", err)
	}
	return file.Cases, nil
}

// SessionVector is a case of vectors/session.json: what goes over connections to
// Redis, in order.
type SessionVector struct {
	ID           string        `json:"id"`
	About        string        `json:"about"`
	Requirements []string      `json:"requirements"`
	Steps        []SessionStep `json:"steps"`
}

// SessionStep is what a client writes or what the server answers: one of the two
// is empty.
type SessionStep struct {
	Connection string `json:"connection"`
	Client     string `json:"client"`
	Server     string `json:"server"`
}

// SessionVectors reads vectors/session.json.
func SessionVectors() ([]SessionVector, error) {
	text, err := Files.ReadFile("vectors/session.json")
	if err != nil {
		return nil, err
	}
	var file struct {
		Cases []SessionVector `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("vectors/session.json: %w", err)
	}
	return file.Cases, nil
}

// RawMessage is the bytes of a message. In a vector file it is text, or
// {"base64": …} for what is no text, or an array of parts of which some are
// {"repeat": text, "times": n}.
type RawMessage []byte

// UnmarshalJSON reads any of the three forms.
func (m *RawMessage) UnmarshalJSON(text []byte) error {
	switch text[0] {
	case '"':
		var s string
		err := json.Unmarshal(text, &s)
		*m = RawMessage(s)
		return err
	case '[':
		var parts []RawMessage
		if err := json.Unmarshal(text, &parts); err != nil {
			return err
		}
		var whole RawMessage
		for _, part := range parts {
			whole = append(whole, part...)
		}
		*m = whole
		return nil
	}
	var form struct {
		Base64 []byte  `json:"base64"`
		Repeat *string `json:"repeat"`
		Times  int     `json:"times"`
	}
	if err := json.Unmarshal(text, &form); err != nil {
		return err
	}
	switch {
	case form.Base64 != nil:
		*m = form.Base64
	case form.Repeat != nil:
		*m = RawMessage(strings.Repeat(*form.Repeat, form.Times))
	default:
		return errors.New("a message is text, base64 or parts")
	}
	return nil
}
