package remoteevent

import (
	"errors"
	"testing"
	"time"
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
