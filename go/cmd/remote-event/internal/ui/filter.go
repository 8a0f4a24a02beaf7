package ui

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/deadletter"
	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/printable"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// filter selects dead letters.
type filter struct {
	// Queue is the name of the only queue, if OneQueue.
	Queue    string
	OneQueue bool
	// ID, Event, Reason, Error, Since and Until are as the person gave them.
	ID, Event, Reason, Error, Since, Until string

	rules        deadletter.Rules
	since, until time.Time // zero for none
}

// filterOf returns the filter in the parameters of a page. The error is for the person.
func filterOf(q query, now time.Time) (*filter, error) {
	f := &filter{
		ID: q.text("id"), Event: q.text("event"), Reason: q.text("reason"), Error: q.text("error"),
		Since: q.text("since"), Until: q.text("until"),
	}
	var err error
	if f.Queue, f.OneQueue, err = q.bytes("queue"); err != nil {
		return f, err
	}
	clause := func(what, text string) error {
		rule, err := deadletter.ParseClause(text, now)
		if err != nil {
			return &httpError{http.StatusBadRequest, what + ": " + err.Error() + "."}
		}
		f.rules = append(f.rules, rule)
		return nil
	}
	var faults []error
	if f.Event != "" {
		faults = append(faults, clause("Event", "event="+f.Event))
	}
	if f.Error != "" {
		faults = append(faults, clause("Error", "error=*"+f.Error+"*"))
	}
	for what, bound := range map[string]struct {
		text string
		to   *time.Time
	}{"Since": {f.Since, &f.since}, "Until": {f.Until, &f.until}} {
		if bound.text == "" {
			continue
		}
		at, err := parseTime(bound.text, now)
		if err != nil {
			faults = append(faults, &httpError{http.StatusBadRequest, what + ": " + err.Error() + "."})
		}
		*bound.to = at
	}
	if f.Reason != "" {
		f.rules = append(f.rules, deadletter.HasReason(queueadmin.Code(f.Reason)))
	}
	if f.ID != "" {
		f.rules = append(f.rules, deadletter.HasID(f.ID))
	}
	return f, errors.Join(faults...)
}

// parseTime parses a time as --match does. An age needs no sign.
func parseTime(text string, now time.Time) (time.Time, error) {
	if at, err := deadletter.ParseTime("-"+text, now); err == nil {
		return at, nil
	}
	return deadletter.ParseTime(text, now)
}

// includes reports whether a time of death is within the bounds.
func (f *filter) includes(died time.Time) bool {
	return !died.Before(f.since) && (f.until.IsZero() || !died.After(f.until))
}

// link returns the address of a page with the filter and with other parameters.
func (f *filter) link(path string, pairs ...string) string {
	all := []string{"id", f.ID, "event", f.Event, "reason", f.Reason, "error", f.Error, "since", f.Since, "until", f.Until}
	if f.OneQueue {
		all = append(all, "queue", encode(f.Queue))
	}
	return link(path, append(all, pairs...)...)
}

// Active reports whether the filter excludes any dead letter.
func (f *filter) Active() bool { return len(f.Words()) > 0 }

// Words describes the filter.
func (f *filter) Words() []string {
	var words []string
	if f.OneQueue {
		words = append(words, "queue "+printable.Name(f.Queue))
	}
	for _, w := range [][2]string{
		{"id ", f.ID}, {"event ", f.Event}, {"reason ", f.Reason}, {"error contains ", f.Error},
		{"died since ", f.Since}, {"died until ", f.Until},
	} {
		if w[1] != "" {
			words = append(words, w[0]+printable.Line(strings.TrimSpace(w[1])))
		}
	}
	return words
}

// letterKey identifies a dead letter.
type letterKey struct{ queue, id string }

// value encodes the key for a field of a form.
func (k letterKey) value() string { return encode(k.queue) + "/" + encode(k.id) }

// parseKey is the inverse of value.
func parseKey(value string) (k letterKey, err error) {
	queue, id, found := strings.Cut(value, "/")
	if !found {
		return k, &httpError{http.StatusBadRequest, "The form is damaged: it names a dead letter that cannot be decoded."}
	}
	if k.queue, err = decode(queue); err != nil {
		return k, err
	}
	k.id, err = decode(id)
	return k, err
}
