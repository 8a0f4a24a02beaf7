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

	"github.com/remote-events/remote-events/compat/internal/adapter"
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

	mu      sync.Mutex // guards what follows
	done    int
	total   int
	results []report.Result
	left    []report.LeftOut
}

// Run plays every case with every implementation that has the role for it. Its
// error is that the run could not be made; what implementations do is in the
// report.
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
	r := &run{Config: config}
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
	result.Cases, result.LeftOut = r.outcome()
	result.Seconds = seconds(time.Since(began))
	return result, nil
}

// task is something that is played in a lane of its own.
type task func(ctx context.Context, l *lane) error

// playOn plays everything on one server.
func (r *run) playOn(ctx context.Context, server Server) (err error) {
	lanes, err := open(server, r.Parallel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lanes.close()) }()

	r.cases = r.playable(server)
	receivers := r.having(adapter.RoleReceive)
	var tasks []task
	sent := map[string][]delivery{} // by sender
	var mu sync.Mutex
	for _, p := range r.having(adapter.RoleSend) {
		if r.expect(r.count(p, suite.Pair, suite.Send)) == 0 {
			continue
		}
		tasks = append(tasks, func(ctx context.Context, l *lane) error {
			deliveries, err := r.send(ctx, l, p)
			mu.Lock()
			sent[p.ID] = deliveries
			mu.Unlock()
			return err
		})
	}
	if err := r.play(ctx, lanes, tasks); err != nil {
		return err
	}

	tasks = nil
	for _, p := range receivers {
		own := slices.DeleteFunc(r.receiveCases(server.Prefix), func(d delivery) bool { return !p.meets(nil, d.c) })
		var deliveries []delivery
		for _, sender := range r.participants {
			for _, d := range sent[sender.ID] {
				if p.meets(sender, d.c) {
					deliveries = append(deliveries, d)
				}
			}
		}
		for _, b := range append(batches(own), batches(deliveries)...) {
			r.expect(len(b.deliveries))
			tasks = append(tasks, func(ctx context.Context, l *lane) error { return r.receive(ctx, l, p, b) })
		}
	}
	return r.play(ctx, lanes, append(tasks, r.scenarios(server)...))
}

// play plays tasks, each in a lane.
func (r *run) play(ctx context.Context, lanes *lanes, tasks []task) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(len(lanes.all))
	for _, task := range tasks {
		group.Go(func() (err error) {
			l, err := lanes.take(ctx)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, lanes.give(ctx, l)) }()
			return task(ctx, l)
		})
	}
	err := group.Wait()
	if cause := context.Cause(ctx); err != nil && ctx.Err() != nil && !errors.Is(err, cause) {
		err = cause
	}
	return err
}

func (r *run) having(role adapter.Role) []*participant {
	return slices.DeleteFunc(slices.Clone(r.participants), func(p *participant) bool { return !p.plays(role) })
}

// count is how many cases of these kinds a participant takes part in.
func (r *run) count(p *participant, kinds ...suite.Kind) int {
	n := 0
	for i := range r.cases {
		if slices.Contains(kinds, r.cases[i].Kind) && p.takes(&r.cases[i]) {
			n++
		}
	}
	return n
}

// expect says that so many more results are to come, and returns n.
func (r *run) expect(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total += n
	return n
}

// add adds a result. The trace is of no interest where all is well.
func (r *run) add(result report.Result, message []byte, t *trace) {
	if message != nil {
		result.MessageBytes = len(message)
		result.Message = message[:min(len(message), report.MaxMessage)]
	}
	steps, duration := t.taken()
	result.Seconds = duration
	if result.Outcome != report.Passed || len(r.Cases) == 1 {
		result.Trace = steps
	}
	r.mu.Lock()
	r.results = append(r.results, result)
	r.done++
	progress := Progress{Done: r.done, Total: r.total, Doing: strings.TrimSpace(result.Case + " " + result.Sender + " → " + result.Receiver)}
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
