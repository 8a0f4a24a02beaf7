package remoteevent_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// Kept is an event of values that a listener may keep.
type Kept struct {
	Text  string            `json:"text"`
	List  []string          `json:"list"`
	Map   map[string]string `json:"map"`
	Array [2]string         `json:"array"`
	Any   any               `json:"any"`
	To    *string           `json:"to"`
}

// EventName implements remoteevent.Event.
func (Kept) EventName() string { return "kept" }

// Selfish is an event that keeps a pointer to itself, as it was decoded.
type Selfish struct {
	Text self `json:"text"`
}

type self struct {
	text string
	self *self
}

// EventName implements remoteevent.Event.
func (Selfish) EventName() string { return "selfish" }

func (s self) MarshalText() ([]byte, error) { return []byte(s.text), nil }

func (s *self) UnmarshalText(text []byte) error {
	s.text, s.self = string(text), s
	return nil
}

// TestListenersKeepEvents: an event that a listener keeps does not change.
func TestListenersKeepEvents(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	mux, r := receiver(t, client)
	const count = 20
	kept, selves := make(chan Kept, count), make(chan Selfish, count)
	must(t, remoteevent.Handle(mux, func(_ context.Context, e Kept) error { kept <- e; return nil }))
	must(t, remoteevent.Handle(mux, func(_ context.Context, e Selfish) error { selves <- e; return nil }))
	s := sender(t, client)
	event := func(text string) Kept {
		return Kept{text, []string{text}, map[string]string{text: text}, [2]string{text, text}, []any{text}, &text}
	}
	for i := range count {
		text := fmt.Sprint("number ", i)
		e := event(text)
		if i%2 == 1 {
			e = Kept{Text: text} // has nothing of the one before
		}
		must(t, s.SendBatch(t.Context(), e, Selfish{self{text: text}}))
	}
	stop := start(t, r)
	var events []Kept
	var others []Selfish
	for range count {
		events, others = append(events, next(t, kept)), append(others, next(t, selves))
	}
	must(t, stop())
	for i := range count {
		text := fmt.Sprint("number ", i)
		e, want := events[i], event(text)
		if i%2 == 1 {
			want = Kept{Text: text}
		}
		if want.To != nil && (e.To == nil || *e.To != text) {
			t.Errorf("event %d points to another", i)
		}
		e.To, want.To = nil, nil
		if got, want := fmt.Sprintf("%#v", e), fmt.Sprintf("%#v", want); got != want {
			t.Errorf("event %d is %s, not %s", i, got, want)
		}
		if o := others[i].Text; o.text != text || o.self.text != text {
			t.Errorf("event %d is %q, and the one that it points to %q", i, o.text, o.self.text)
		}
	}
}
