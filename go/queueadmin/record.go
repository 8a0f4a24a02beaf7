package queueadmin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/remote-events/remote-events/go/wire"
)

// recordVersion is the version of the records.
const recordVersion = 1

// recordTime is the form of times in records, with the precision that Redis has.
const recordTime = "2006-01-02T15:04:05.000Z07:00"

// record is a dead letter as it is written.
type record struct {
	Version   int             `json:"version"`
	Queue     *string         `json:"queue"`
	Message   *string         `json:"message"`
	Reason    json.RawMessage `json:"reason"`
	Attempts  *int            `json:"attempts,omitempty"`
	FirstSeen string          `json:"first_seen,omitempty"`
	Died      string          `json:"died,omitempty"`
	Delivery  string          `json:"delivery,omitempty"`
	EventName *string         `json:"event_name,omitempty"`
	EventID   string          `json:"id,omitempty"`
}

type recordReason struct {
	Code   Code     `json:"code"`
	Error  string   `json:"error,omitempty"`
	Causes []string `json:"chain,omitempty"`
}

// MarshalJSON returns the record. It returns an error if the queue's name is not UTF-8,
// which JSON cannot hold.
func (d DeadLetter) MarshalJSON() ([]byte, error) {
	if !utf8.ValidString(d.Queue) {
		return nil, fmt.Errorf("dead letter %s: the name of its queue, %q, is not UTF-8, and no record can hold it", d.ID, d.Queue)
	}
	var reason any = recordReason{d.Code, d.Error, d.Causes}
	if d.Code == "" {
		reason = d.Error
	}
	text, err := json.Marshal(reason)
	if err != nil {
		return nil, err
	}
	message := base64.StdEncoding.EncodeToString(d.Raw)
	r := record{
		Version: recordVersion, Queue: &d.Queue, Message: &message, Reason: text, Attempts: &d.Attempts,
		FirstSeen: writeTime(d.FirstSeen), Died: writeTime(d.Died), Delivery: d.ID,
	}
	if env, err := wire.Decode(d.Raw, wire.Limits{}); err == nil {
		r.EventName, r.EventID = &env.EventName, env.Metadata.Attributes[wire.AttributeID]
	}
	return json.Marshal(r)
}

// UnmarshalJSON reads a record. It returns an error if a member is missing or does not fit
// the schema. It ignores members that it does not know.
func (d *DeadLetter) UnmarshalJSON(text []byte) error {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("not the record of a dead letter: %w", err)
	}
	switch {
	case r.Version != recordVersion:
		return fmt.Errorf("not the record of a dead letter: its version is %d, and not %d", r.Version, recordVersion)
	case r.Queue == nil || r.Message == nil || r.Reason == nil:
		return errors.New("not the record of a dead letter: queue, message or reason is missing")
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(*r.Message)
	if err != nil || base64.StdEncoding.EncodedLen(len(raw)) != len(*r.Message) { // it skips line ends
		return errors.New("the record of a dead letter: its message is not base64")
	}
	reason, err := readReason(r.Reason)
	if err != nil {
		return err
	}
	letter := DeadLetter{ID: r.Delivery, Queue: *r.Queue, Raw: raw, Code: reason.Code, Error: reason.Error, Causes: reason.Causes}
	if r.Attempts != nil {
		letter.Attempts = *r.Attempts
	}
	if letter.Attempts < 0 {
		return errors.New("the record of a dead letter: it has fewer than 0 attempts")
	}
	for _, t := range []struct {
		name, text string
		to         *time.Time
	}{{"first_seen", r.FirstSeen, &letter.FirstSeen}, {"died", r.Died, &letter.Died}} {
		if t.text == "" {
			continue
		}
		if *t.to, err = time.Parse(time.RFC3339Nano, t.text); err != nil {
			return fmt.Errorf("the record of a dead letter: %s is no time of RFC 3339", t.name)
		}
	}
	*d = letter
	return nil
}

// readReason reads an object of REL-25, or a text in its place.
func readReason(text json.RawMessage) (recordReason, error) {
	var r recordReason
	if json.Unmarshal(text, &r.Error) == nil && string(text) != "null" {
		return r, nil
	}
	if err := json.Unmarshal(text, &r); err != nil || r.Code == "" {
		return r, errors.New("the record of a dead letter: its reason is neither an object with a code nor a text")
	}
	return r, nil
}

func writeTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(recordTime)
}
