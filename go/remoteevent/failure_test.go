package remoteevent

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remote-events/remote-events/go/wire"
)

func TestDelaysGrow(t *testing.T) {
	t.Parallel()
	c := queueConfig{firstDelay: time.Second, lastDelay: time.Minute}
	for attempt, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 7: time.Minute, 1000: time.Minute} {
		seen := map[time.Duration]bool{}
		for range 100 {
			delay := c.retryDelay(attempt)
			if delay < most/2 || delay > most {
				t.Errorf("after attempt %d: %v", attempt, delay)
			}
			seen[delay] = true
		}
		if len(seen) < 50 {
			t.Errorf("after attempt %d there are but %d delays", attempt, len(seen))
		}
	}
	if delay := (&queueConfig{}).retryDelay(3); delay != 0 {
		t.Errorf("without a delay: %v", delay)
	}
}

func TestPermanent(t *testing.T) {
	t.Parallel()
	plain, final := errors.New("plain"), Permanent(errors.New("final"))
	for _, c := range []struct {
		err  error
		want bool
	}{
		{plain, false}, {final, true}, {errors.Join(final, plain), false}, {errors.Join(final, final), true}, {Permanent(errors.Join(final, plain)), true},
	} {
		if failureOf(c.err).permanent != c.want {
			t.Errorf("%v: %t", c.err, !c.want)
		}
	}
	if Permanent(nil) != nil {
		t.Error("nothing became an error")
	}
}

// answer is an error as Redis answers it.
type answer string

func (a answer) Error() string { return string(a) }
func (answer) RedisError()     {}

type quotingText struct{}

func (*quotingText) UnmarshalText(text []byte) error { return fmt.Errorf("cannot read %q", text) }

type quotingJSON struct{}

func (*quotingJSON) UnmarshalJSON(text []byte) error { panic(fmt.Errorf("cannot read %q", text)) }

type fragile struct {
	Time time.Time    `json:"time"`
	Addr netip.Addr   `json:"addr"`
	Text quotingText  `json:"text"`
	JSON *quotingJSON `json:"json"`
	Big  *big.Int     `json:"big"`
}

func (fragile) EventName() string { return "fragile" }

// TestReasonsHoldNoPayload: what unmarshalers and Redis put into their errors is
// cut; what a listener wrote itself stays (SEC-1, REL-27).
func TestReasonsHoldNoPayload(t *testing.T) {
	t.Parallel()
	check := func(err error, words ...string) {
		t.Helper()
		f := failureOf(err)
		text := f.text + strings.Join(f.causes, "\n") + f.reason()
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("it lacks %q: %s", w, text)
			}
		}
		if err == nil || strings.Contains(text, "s3cret") {
			t.Error(text)
		}
	}
	for _, member := range []string{"time", "addr", "text", "json", "big"} {
		_, err := Decode[fragile](wire.Envelope{EventName: "fragile", Payload: []byte(`{"` + member + `": "s3cret"}`)})
		check(err, "payload does not fit")
		check(fmt.Errorf("the listener: %w", err), "the listener: ", "payload does not fit")
		check(errors.Join(err, errors.New("of the listener")), "of the listener")
	}
	quoting := answer("ERR unknown command 'lpush', with args beginning with: 'a' 's3cret'")
	check(quoting, "ERR unknown command 'lpush'")
	check(fmt.Errorf("the cache: %w", quoting), "the cache: ERR unknown command 'lpush' …")
	check(errors.Join(errors.New("of the listener"), fmt.Errorf("the cache: %w", quoting)), "of the listener", "the cache: ERR")
	check(Permanent(answer("s3cret")))
	f := failureOf(fmt.Errorf("write: %w", fmt.Errorf("the disk of %s: %w", "anna", errors.New("no space is left"))))
	if f.text != "write: the disk of anna: no space is left" || !slices.Equal(f.causes, []string{"the disk of anna: no space is left", "no space is left"}) {
		t.Errorf("%+v", f)
	}
}
