package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// Config is what Run is to do.
type Config struct {
	Cases           []suite.Case
	Implementations []Implementation
	// Servers are what every case is played on, one after the other.
	Servers []Server
	// Timeout is how long an implementation may take from a push to the
	// canary, and to answer: 5 s by default. What is big gets more.
	Timeout time.Duration
	// Parallel is how many things are played at once, by default two a CPU:
	// most of the time is spent on starting processes.
	Parallel int
	// Once has nothing played a second time. Otherwise a case of which nothing was
	// found out, by a deadline or a crash, is played again, alone and with a
	// longer deadline.
	Once bool
	// Progress, if set, is told how far the run is. It must return at once.
	Progress func(Progress)
}

// Progress is how far a run is. Total may still change.
type Progress struct {
	Done, Total int
	Doing       string
}

// redisTimeout is for what the engine itself asks of Redis: 64 MiB may be part of it.
const redisTimeout = 30 * time.Second

// run is a run under way.
type run struct {
	Config

	participants []*participant
	cases        []suite.Case // those that the server at hand can play

	mu       sync.Mutex // guards what follows
	results  []report.Result
	open     map[played]bool // the results that are to come
	again    []again
	left     []report.Skipped
	troubles []error // of the harness, which no result has
}

// played is what a result is of.
type played struct{ server, testCase, sender, receiver string }

func playedOf(r report.Result) played { return played{r.Server, r.Case, r.Sender, r.Receiver} }

// Run plays every case with every implementation that has the role for it. What
// implementations do is in the report, and so is what keeps a case from being
// played: a case that was asked for has a result, or is in Skipped. An error
// without a report is that the run could not be made, and one with a report that
// the harness did not leave the servers as it should.
func Run(ctx context.Context, config Config) (*report.Report, error) {
	if config.Timeout <= 0 {
		config.Timeout = 5 * time.Second
	}
	if config.Parallel <= 0 {
		config.Parallel = 2 * runtime.NumCPU()
	}
	if len(config.Implementations) == 0 || len(config.Servers) == 0 || len(config.Cases) == 0 {
		return nil, errors.New("a run needs cases, implementations and a Redis")
	}
	r := &run{Config: config, open: map[played]bool{}}
	began := time.Now()
	if err := r.identify(ctx, config.Servers[0].URL); err != nil {
		return nil, err
	}
	result := &report.Report{
		Format:   report.Format,
		Platform: fmt.Sprintf("%s/%s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		Started:  began,
	}
	for _, p := range r.participants {
		result.Implementations = append(result.Implementations, p.Implementation)
	}
	for _, server := range config.Servers {
		result.Servers = append(result.Servers, server.Server)
		if err := r.playOn(ctx, server); err != nil {
			return nil, err
		}
	}
	result.Results = r.inOrder()
	result.Cases, result.Skipped = r.outcome()
	result.Seconds = seconds(time.Since(began))
	return result, errors.Join(r.troubles...)
}

// task is something that is played in a lane of its own.
type task struct {
	of   []played // the results that come of it
	play func(ctx context.Context, l *lane) error
}

// playOn plays everything on one server.
func (r *run) playOn(ctx context.Context, server Server) (err error) {
	lanes, err := open(server, r.Parallel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lanes.close()) }()

	r.cases = r.playable(server, lacking(ctx, lanes.all[0].redis))
	receivers := r.having(protocol.RoleReceive)
	var tasks []task
	out := outgoing{by: map[string][]delivery{}}
	for _, p := range r.having(protocol.RoleSend) {
		var of []played
		for _, c := range r.sendingOf(p) {
			of = append(of, played{server.ID, c.ID, p.ID, ""})
		}
		if of != nil {
			tasks = append(tasks, task{of, func(ctx context.Context, l *lane) error { return r.send(ctx, l, p, &out) }})
		}
	}
	if err := r.playTwice(ctx, lanes, tasks); err != nil {
		return err
	}

	tasks = nil
	for _, p := range receivers {
		own := slices.DeleteFunc(r.receiveCases(server.Prefix), func(d delivery) bool { return !p.meets(nil, d.c) })
		var deliveries []delivery
		for _, sender := range r.participants {
			for _, d := range out.by[sender.ID] {
				if p.meets(sender, d.c) {
					deliveries = append(deliveries, d)
				}
			}
		}
		for _, b := range append(batches(own), batches(deliveries)...) {
			var of []played
			for _, d := range b.deliveries {
				of = append(of, played{server.ID, d.c.ID, d.sender, p.ID})
			}
			tasks = append(tasks, task{of, func(ctx context.Context, l *lane) error { return r.receive(ctx, l, p, b) }})
		}
	}
	return r.playTwice(ctx, lanes, append(tasks, r.scenarios(server)...))
}

// playTwice plays tasks, and what they found out nothing about once more.
func (r *run) playTwice(ctx context.Context, lanes *lanes, tasks []task) error {
	if err := r.play(ctx, lanes, tasks); err != nil {
		return err
	}
	return r.playAgain(ctx, lanes)
}

// play plays tasks, each in a lane, and sees that every result of theirs comes,
// whatever becomes of the task. Its error is that the run was interrupted.
func (r *run) play(ctx context.Context, lanes *lanes, tasks []task) error {
	for _, task := range tasks {
		r.expect(task.of)
	}
	var group errgroup.Group
	group.SetLimit(len(lanes.all))
	for _, task := range tasks {
		group.Go(func() error {
			err := r.attempt(ctx, lanes, task)
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			r.account(task, err)
			return nil
		})
	}
	return group.Wait()
}

// attempt plays a task in a lane.
func (r *run) attempt(ctx context.Context, lanes *lanes, t task) (err error) {
	l, err := lanes.take(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lanes.give(ctx, l)) }()
	return caught(func() error { return t.play(ctx, l) })
}

// account gives the results that did not come of a task the reason for that.
func (r *run) account(t task, err error) {
	missing := r.missing(t.of)
	if err == nil && len(missing) > 0 {
		err = errors.New("the harness came to no result")
	}
	for _, of := range missing {
		r.record(report.Result{
			Case: of.testCase, Server: of.server, Sender: of.sender, Receiver: of.receiver,
			Outcome: report.Errored, Expected: "a result", Observed: observed(err), Problems: problemsOf(err),
		})
	}
	if err != nil && len(missing) == 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.troubles = append(r.troubles, err)
	}
}

// missing are those that have no result yet, nor a second try before them.
func (r *run) missing(of []played) []played {
	r.mu.Lock()
	defer r.mu.Unlock()
	var missing []played
	for _, one := range of {
		if r.open[one] && !slices.ContainsFunc(r.again, func(a again) bool { return playedOf(a.first) == one }) {
			missing = append(missing, one)
		}
	}
	return missing
}

func (r *run) having(role protocol.Role) []*participant {
	return slices.DeleteFunc(slices.Clone(r.participants), func(p *participant) bool { return !p.plays(role) })
}

// expect says which results are to come.
func (r *run) expect(of []played) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range of {
		r.open[one] = true
	}
}

// complete adds to a result the message and what was recorded.
func (r *run) complete(result report.Result, message []byte, t *trace) report.Result {
	if message != nil {
		result.MessageBytes = len(message)
		result.Message = message[:min(len(message), report.MaxMessage)]
	}
	result.Trace, result.Seconds = t.taken(result.Outcome == report.Passed && len(r.Cases) > 1)
	return result
}

// record adds a result to the report.
func (r *run) record(result report.Result) {
	r.mu.Lock()
	r.results = append(r.results, result)
	delete(r.open, playedOf(result))
	done := len(r.results)
	progress := Progress{Done: done, Total: done + len(r.open), Doing: strings.TrimSpace(result.Case + " " + result.Sender + " → " + result.Receiver)}
	r.mu.Unlock()
	if r.Progress != nil {
		r.Progress(progress)
	}
}

// inOrder returns the results in the order of cases, senders and receivers,
// whatever the order in which they came.
func (r *run) inOrder() []report.Result {
	rank := map[string]int{"": -1}
	for i, c := range r.Cases {
		rank["case "+c.ID] = i
	}
	for i, p := range r.participants {
		rank[p.ID] = i
	}
	for i, s := range r.Servers {
		rank["server "+s.ID] = i
	}
	slices.SortStableFunc(r.results, func(a, b report.Result) int {
		for _, difference := range []int{
			rank["server "+a.Server] - rank["server "+b.Server], rank["case "+a.Case] - rank["case "+b.Case],
			rank[a.Sender] - rank[b.Sender], rank[a.Receiver] - rank[b.Receiver],
		} {
			if difference != 0 {
				return difference
			}
		}
		return 0
	})
	return r.results
}
