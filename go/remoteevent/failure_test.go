package remoteevent

import (
	"errors"
	"fmt"
	"io"
	"math"
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
			t.Errorf("after attempt %d: only %d different delays", attempt, len(seen))
		}
	}
	if delay := (&queueConfig{lastDelay: time.Hour}).retryDelay(3); delay != 0 {
		t.Errorf("without a delay: %v", delay)
	}
}

// TestDefaultRetries checks that an outage of an hour makes no event a dead letter.
func TestDefaultRetries(t *testing.T) {
	t.Parallel()
	c := defaultQueueConfig()
	var least, most time.Duration
	for attempt := 1; attempt < c.maxAttempts; attempt++ {
		shortest, longest := time.Duration(math.MaxInt64), time.Duration(0)
		for range 200 {
			delay := c.retryDelay(attempt)
			shortest, longest = min(shortest, delay), max(longest, delay)
		}
		bound := min(time.Second<<(attempt-1), 10*time.Minute)
		if shortest < bound/2 || longest > bound {
			t.Errorf("after attempt %d: from %v to %v", attempt, shortest, longest)
		}
		least, most = least+bound/2, most+bound
	}
	// The documentation of WithMaxAttempts has these numbers.
	if least.Truncate(time.Minute) != 78*time.Minute || ((least+most)/2).Round(time.Minute) != 118*time.Minute || most.Round(time.Minute) != 157*time.Minute {
		t.Errorf("the retries take from %v to %v", least, most)
	}
	if n := (&leased{config: &c}).claim(want{count: 1}).MaxAttempts; n != 5 {
		t.Errorf("one event may end %d processes", n)
	}
}

// TestRetryAfter checks that the longest delay that an error sets counts, unless it is permanent.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	plain := errors.New("plain")
	minute, hour := RetryAfter(time.Minute, plain), RetryAfter(time.Hour, io.EOF)
	const backoff = 7 * time.Second
	for _, c := range []struct {
		err       error
		want      time.Duration
		permanent bool
	}{
		{plain, backoff, false},
		{minute, time.Minute, false},
		{fmt.Errorf("fetch: %w", minute), time.Minute, false},
		{&timeoutError{1, minute}, time.Minute, false},
		{RetryAfter(-1, plain), 0, false},
		{RetryAfter(1<<62, plain), 24 * time.Hour, false},
		{RetryAfter(time.Minute, hour), time.Hour, false},
		{listenerErrors{&listenerError{"a", minute}, &listenerError{"b", hour}, &listenerError{"c", plain}}, time.Hour, false},
		{errors.Join(hour, minute), time.Hour, false},
		{listenerErrors{&listenerError{"a", minute}, &listenerError{"b", Permanent(hour)}}, time.Minute, false},
		{listenerErrors{&listenerError{"a", plain}, &listenerError{"b", Permanent(hour)}}, backoff, false},
		{Permanent(hour), backoff, true},
		{RetryAfter(time.Hour, Permanent(plain)), backoff, true},
	} {
		o := outcome{failure: failureOf(c.err)}
		if got := o.delay(backoff); got != c.want || o.permanent() != c.permanent {
			t.Errorf("%v: after %v, permanent: %t", c.err, got, o.permanent())
		}
		delay, ok := RetryDelay(c.err)
		if ok != (c.want != backoff) || ok && delay != c.want || !ok && delay != 0 {
			t.Errorf("%v: RetryDelay returned %v, %t", c.err, delay, ok)
		}
	}
	if err := fmt.Errorf("fetch: %w", hour); !errors.Is(err, io.EOF) || err.Error() != "fetch: EOF" {
		t.Errorf("error without its cause: %v", err)
	}
	if err := RetryAfter(time.Hour, nil); err != nil {
		t.Errorf("delay of a success: %v", err)
	}
	if delay, ok := RetryDelay(nil); ok || delay != 0 {
		t.Errorf("RetryDelay(nil) returned %v, %t", delay, ok)
	}
}

// TestLastAttempt checks that attempts that a crash interrupted do not count.
func TestLastAttempt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		delivery *Delivery
		want     bool
	}{
		{nil, false}, {new(Delivery), false}, {&Delivery{Attempt: 9}, false},
		{&Delivery{Attempt: 2, MaxAttempts: 3}, false}, {&Delivery{Attempt: 3, MaxAttempts: 3}, true},
		{&Delivery{Attempt: 4, MaxAttempts: 3, pardons: 2}, false}, {&Delivery{Attempt: 5, MaxAttempts: 3, pardons: 2}, true},
		{&Delivery{Attempt: 6, MaxAttempts: 3, pardons: 2}, true},
	} {
		if got := c.delivery.LastAttempt(); got != c.want {
			t.Errorf("%+v: %t", c.delivery, got)
		}
	}
}

func TestPermanent(t *testing.T) {
	t.Parallel()
	plain, final := errors.New("plain"), Permanent(errors.New("final"))
	for _, c := range []struct {
		err  error
		want bool
	}{
		{plain, false}, {final, true}, {fmt.Errorf("outer: %w", final), true}, {&PayloadError{}, true}, {ErrRelease, false}, {errors.Join(final, plain), false}, {errors.Join(final, final), true}, {Permanent(errors.Join(final, plain)), true},
	} {
		if got := failureOf(c.err).permanent; got != c.want || IsPermanent(c.err) != c.want {
			t.Errorf("%v: %t, IsPermanent returned %t", c.err, got, IsPermanent(c.err))
		}
	}
	if Permanent(nil) != nil || IsPermanent(nil) {
		t.Error("Permanent(nil) is not nil")
	}
}

// answer is an error reply of Redis.
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

// TestReasonsHoldNoPayload checks that texts of unmarshalers and of Redis are cut, while the
// text of a listener's own errors is kept (SEC-1, REL-27).
func TestReasonsHoldNoPayload(t *testing.T) {
	t.Parallel()
	check := func(err error, words ...string) {
		t.Helper()
		f := failureOf(err)
		text := f.text + strings.Join(f.causes, "\n") + f.reason()
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("the text lacks %q: %s", w, text)
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
