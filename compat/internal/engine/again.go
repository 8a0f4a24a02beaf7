package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/remote-events/remote-events/compat/internal/report"
)

// turn is a try at a case. Other cases run at the same time as the first try. The second
// try runs alone and has longer deadlines, so that its result does not depend on a busy
// machine.
type turn struct {
	timeout time.Duration
	second  bool
}

// The deadlines of a second try are secondTimeouts times as long as the deadlines of the
// first try, up to secondMax. They are never shorter than the deadlines of the first try.
const (
	secondTimeouts = 4
	secondMax      = time.Minute
)

// secondTimeout returns the timeout of a second try.
func secondTimeout(first time.Duration) time.Duration {
	return max(first, min(secondTimeouts*first, secondMax))
}

func (r *run) first() turn { return turn{timeout: r.Timeout} }

// replay runs a case a second time.
type replay func(ctx context.Context, l *lane, t turn) (report.Result, error)

// again is a case whose first try has no result.
type again struct {
	first        report.Result
	participants []*participant
	run          replay
}

// conclude records a result, or schedules a second try of its case.
func (r *run) conclude(result report.Result, participants []*participant, second replay) {
	if !unknown(result.Outcome) || r.Once {
		r.record(result)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.again = append(r.again, again{result, participants, second})
}

// secondTries runs the second tries, one after the other. No other case may be running.
func (r *run) secondTries(ctx context.Context, lanes *lanes) error {
	tries := r.again
	r.again = nil
	for _, one := range tries {
		if why := hopeless(one.participants); why != "" {
			one.first.Problems = append(one.first.Problems, why)
			r.record(one.first)
			continue
		}
		err := r.runTasks(ctx, lanes, []task{{of: []resultKey{keyOf(one.first)}, run: func(ctx context.Context, l *lane) error {
			result, err := one.run(ctx, l, turn{timeout: secondTimeout(r.Timeout), second: true})
			if err != nil {
				return err
			}
			for _, p := range one.participants {
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

// A run makes no further second tries with an implementation after this many consecutive
// second tries have ended with a missed deadline, or with any error.
const (
	hopelessDeadlines = 2
	hopelessTries     = 20
)

// tried counts the consecutive second tries that ended with an error.
func (p *participant) tried(result report.Result) {
	if !unknown(result.Outcome) {
		p.secondLate, p.secondErrors = 0, 0
		return
	}
	p.secondErrors++
	if p.late.Load() > 0 {
		p.secondLate++
	}
}

// hopeless returns the reason why a case has no second try, or "" if it has one.
func hopeless(participants []*participant) string {
	for _, p := range participants {
		if p.secondLate >= hopelessDeadlines || p.secondErrors >= hopelessTries {
			return fmt.Sprintf("no second try: the last %d second tries of %s ended with an error", p.secondErrors, p.ID)
		}
	}
	return ""
}

// maxLate is the number of consecutive missed deadlines after which no further case runs
// with an implementation before the second tries.
const maxLate = 6

// punctual counts the consecutive deadlines that the participant missed.
func (p *participant) punctual(err error) {
	if missedDeadline(err) {
		p.late.Add(1)
	} else {
		p.late.Store(0)
	}
}

// ready returns the reason why a case does not run with the implementation, or nil if it
// runs.
func (p *participant) ready(t turn) error {
	if n := p.late.Load(); n >= maxLate && !t.second {
		return &notRunError{fmt.Sprintf("the implementation missed %d deadlines of %v in a row", n, t.timeout)}
	}
	return nil
}
