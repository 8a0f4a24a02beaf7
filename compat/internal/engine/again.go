package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/report"
)

// turn is a try at a case. In the first others are played beside it. In the
// second it is alone, and has a longer deadline: what is found out then is not
// for want of time.
type turn struct {
	timeout time.Duration
	second  bool
}

// The deadlines of a second try are secondTimeouts times as long as those of the
// first, but not longer than secondMax, unless those of the first are.
const (
	secondTimeouts = 4
	secondMax      = time.Minute
)

// secondTimeout returns the timeout of a second try.
func secondTimeout(first time.Duration) time.Duration {
	return max(first, min(secondTimeouts*first, secondMax))
}

func (r *run) first() turn { return turn{timeout: r.Timeout} }

// replay is how a case is played a second time.
type replay func(ctx context.Context, l *lane, t turn) (report.Result, error)

// again is a case whose first try found out nothing.
type again struct {
	first report.Result
	who   []*participant
	play  replay
}

// conclude records a result, or has its case played a second time.
func (r *run) conclude(result report.Result, who []*participant, play replay) {
	if result.Outcome != report.Errored || r.Once {
		r.record(result)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.again = append(r.again, again{result, who, play})
}

// playAgain plays what found out nothing, one case after the other. It is called
// when nothing else is played.
func (r *run) playAgain(ctx context.Context, lanes *lanes) error {
	tries := r.again
	r.again = nil
	for _, one := range tries {
		if hopeless := hopeless(one.who); hopeless != "" {
			one.first.Problems = append(one.first.Problems, hopeless)
			r.record(one.first)
			continue
		}
		err := r.play(ctx, lanes, []task{{of: []played{playedOf(one.first)}, play: func(ctx context.Context, l *lane) error {
			result, err := one.play(ctx, l, turn{timeout: secondTimeout(r.Timeout), second: true})
			if err != nil {
				return err
			}
			for _, p := range one.who {
				p.tried(result)
			}
			result.FirstTry = one.first.Observed
			r.record(result)
			return nil
		}}})
		if err != nil {
			return err
		}
	}
	return nil
}

// A run does not wait for an implementation of which second tries, one after the
// other, find out nothing: so many that end by a deadline, or by anything.
const (
	hopelessDeadlines = 2
	hopelessTries     = 20
)

// tried counts the second tries that found out nothing.
func (p *participant) tried(result report.Result) {
	if result.Outcome != report.Errored {
		p.secondLate, p.secondVain = 0, 0
		return
	}
	p.secondVain++
	if p.late.Load() > 0 {
		p.secondLate++
	}
}

// hopeless says why a case is not played a second time, "" where it is.
func hopeless(who []*participant) string {
	for _, p := range who {
		if p.secondLate >= hopelessDeadlines || p.secondVain >= hopelessTries {
			return fmt.Sprintf("not played a second time: %d second tries of %s before it, one after the other, found out nothing", p.secondVain, p.ID)
		}
	}
	return ""
}

// patient is how many deadlines in a row have an implementation given up, until
// the second tries: a run is not to wait for one that answers nothing.
const patient = 6

// punctual counts the deadlines that were missed, one after the other.
func (p *participant) punctual(err error) {
	if _, late := errors.AsType[*deadlineError](err); late || errors.Is(err, adapter.ErrTimeout) {
		p.late.Add(1)
	} else {
		p.late.Store(0)
	}
}

// given is why a case is not played with the implementation, nil where it is.
func (p *participant) given(t turn) error {
	if n := p.late.Load(); n >= patient && !t.second {
		return &notPlayedError{fmt.Sprintf("the implementation missed %d deadlines of %v, one after the other", n, t.timeout)}
	}
	return nil
}
