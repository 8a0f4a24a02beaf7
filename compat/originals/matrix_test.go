package originals_test

import (
	"slices"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/environment"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// TestOriginalCorners has every corner of the matrix on the interpreter of the
// machine, and one original on each other interpreter, send and receive.
func TestOriginalCorners(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	pythons, err := environment.Interpreters(t.Context())
	must(t, err)
	cache, err := environments()
	must(t, err)
	host, err := cache.Python(t.Context())
	must(t, err)
	members, err := environment.Matrix(environment.Corners, []environment.Python{host})
	must(t, err)
	for i := range members {
		members[i].Python = host // those on the usual base leave it open
	}
	for _, python := range pythons {
		original := environment.Originals()[6]
		original.Python = python
		if !slices.Contains(members, original) {
			members = append(members, original)
		}
	}
	for _, original := range members {
		t.Run(original.ID(), func(t *testing.T) {
			t.Parallel()
			stage := newStage(t, original, redisserver.Options{})
			sender, receiver := stage.start(t), stage.start(t)
			identity, err := sender.Hello(t.Context())
			must(t, err)
			if got := [...]string{identity.Version, identity.Details["applauncher"], identity.Details["redis"], identity.Details["blinker"], identity.Details["python"]}; got !=
				[...]string{original.Bundle, original.Applauncher, original.RedisPy, original.Blinker, original.Python.Version} {
				t.Errorf("it calls itself %v", got)
			}
			must(t, receiver.Receive(t.Context(), protocol.Reception{Queues: []string{"e"}, Signals: []string{"e"}}))
			must(t, sender.Send(t.Context(), protocol.Message{EventName: "e", PayloadText: `{"a": "é"}`}))
			expect(t, receiver, protocol.Event{Signal: "e", Signals: []string{"e", "remote_event", "event"}, PayloadText: `{"a": "\u00e9"}`})
		})
	}
}

// TestOriginalOldBlinker shows the deaths that WIRE-5 forbids to cause, which
// no original dies on the usual base: before 1.8 blinker takes an event with
// such a member for a bound method.
func TestOriginalOldBlinker(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	for _, bundle := range []string{"0.2", "1.6"} {
		for _, blinker := range environment.Axes().Blinkers {
			t.Run(bundle+" on blinker "+blinker, func(t *testing.T) {
				t.Parallel()
				original := environment.Originals()[6]
				original.Bundle, original.Blinker = bundle, blinker
				stage := newStage(t, original, redisserver.Options{})
				want := "delivers"
				if blinker == "1.5" {
					want = "dies"
				}
				for _, member := range []string{"__func__", "im_func"} {
					a := stage.start(t)
					must(t, a.Receive(t.Context(), protocol.Reception{Queues: []string{"e"}, Signals: []string{"e", canary}}))
					message := `{"data": {"` + member + `": 1}, "signals": ["e", "remote_event", "event"]}`
					calls, died := stage.react(t, a, "e", []byte(message))
					if got := outcome("e", calls, died); got != want {
						t.Errorf("of %s it %s, want %s", member, got, want)
					}
					must(t, a.Close()) // where it lives, it competes with the next
					must(t, stage.redis.Del(t.Context(), "e").Err())
				}
			})
		}
	}
}
