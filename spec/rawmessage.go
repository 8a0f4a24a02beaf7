package spec

import (
	"bytes"
	"encoding/json"
	"errors"
)

// RawMessage has the bytes of a message. In a file of vectors it is a text, or
// {"base64": …} for bytes that are not text, or an array of parts, some of which may be
// {"repeat": text, "times": n}. It keeps the parts until the bytes are needed, because
// some messages are long.
type RawMessage struct{ parts []part }

// part is a text that occurs once or several times.
type part struct {
	text  []byte
	times int
}

// Len returns the length of the message in bytes.
func (m RawMessage) Len() int {
	n := 0
	for _, p := range m.parts {
		n += len(p.text) * p.times
	}
	return n
}

// Bytes returns the message.
func (m RawMessage) Bytes() []byte {
	whole := make([]byte, 0, m.Len())
	for _, p := range m.parts {
		for range p.times {
			whole = append(whole, p.text...)
		}
	}
	return whole
}

// Head returns the first n bytes of the message, or all if it has fewer.
func (m RawMessage) Head(n int) []byte {
	var head []byte
	for _, p := range m.parts {
		for range p.times {
			if len(head) >= n {
				return head[:n]
			}
			head = append(head, p.text...)
		}
	}
	return head[:min(n, len(head))]
}

// String returns the bytes of the message as a string, which may not be valid UTF-8.
func (m RawMessage) String() string { return string(m.Bytes()) }

// Equal reports whether the message consists of these bytes.
func (m RawMessage) Equal(other []byte) bool {
	return m.Len() == len(other) && bytes.Equal(m.Bytes(), other)
}

// UnmarshalJSON reads any of the three forms.
func (m *RawMessage) UnmarshalJSON(text []byte) error {
	if text[0] != '[' {
		p, err := readPart(text)
		*m = RawMessage{parts: []part{p}}
		return err
	}
	var forms []json.RawMessage
	if err := json.Unmarshal(text, &forms); err != nil {
		return err
	}
	*m = RawMessage{}
	for _, form := range forms {
		p, err := readPart(form)
		if err != nil {
			return err
		}
		m.parts = append(m.parts, p)
	}
	return nil
}

func readPart(text []byte) (part, error) {
	if text[0] == '"' {
		var s string
		err := json.Unmarshal(text, &s)
		return part{[]byte(s), 1}, err
	}
	var form struct {
		Base64 []byte  `json:"base64"`
		Repeat *string `json:"repeat"`
		Times  int     `json:"times"`
	}
	if err := json.Unmarshal(text, &form); err != nil {
		return part{}, err
	}
	switch {
	case form.Base64 != nil:
		return part{form.Base64, 1}, nil
	case form.Repeat != nil && form.Times > 0:
		return part{[]byte(*form.Repeat), form.Times}, nil
	}
	return part{}, errors.New("a message is text, base64 or parts")
}
