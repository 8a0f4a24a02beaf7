package engine

import (
	"bytes"
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

// Config has the options of Run.
type Config struct {
	Cases           []suite.Case
	Implementations []Implementation
	// Servers are the servers on which every case runs, one after the other.
	Servers []Server
	// Timeout is the maximum time of an answer, and between a push and the report of
	// the canary: 5 s by default. Large messages have more time.
	Timeout time.Duration
	// Parallel is the number of tasks that run at the same time, by default two for
	// each CPU: the start of processes takes most of the time.
	Parallel int
	// Once disables second tries. Otherwise a case that ends with an error, such as a
	// missed deadline or a crash, runs again, alone and with a longer deadline.
	Once bool
	// Traces keeps the whole trace of each case. Otherwise that of a case that passes is
	// shortened, unless the run has one case only.
	Traces bool
	// Progress, if set, is called with the state of the run. It must return at once.
	Progress func(Progress)
}

// Progress is the state of a run. Total may still change.
type Progress struct {
	Done, Total int
	Doing       string
}

// redisTimeout is the timeout of the commands of the engine, which may contain 64 MiB.
const redisTimeout = 30 * time.Second

// run is the state of a run.
type run struct {
	Config

	participants []*participant
	cases        []suite.Case // those that can run on the current server

	mu       sync.Mutex // guards what follows
	results  []report.Result
	open     map[resultKey]bool // the expected results
	again    []again
	skipped  []report.Skipped
	troubles []error // of the harness, without a result
}

// resultKey identifies a result.
type resultKey struct {
	server, testCase, sender, receiver string
	reliable                           bool
	request                            string
}

func keyOf(r report.Result) resultKey {
	return resultKey{r.Server, r.Case, r.Sender, r.Receiver, r.Reliable, r.Request}
}

// Run runs every case with every implementation that claims a class for it. Each selected
// case has results in the report, or is in Skipped. If Run returns an error without a
// report, the run was not possible. If it returns an error and a report, the harness did
// not clean up the servers.
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
	r := &run{Config: config, open: map[resultKey]bool{}}
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
		if err := r.runOn(ctx, server); err != nil {
			return nil, err
		}
	}
	result.Results = r.inOrder()
	result.Cases, result.Skipped = r.outcome()
	result.Seconds = seconds(time.Since(began))
	return result, errors.Join(r.troubles...)
}

// task is a part of a run that needs a lane.
type task struct {
	of   []resultKey // its results
	long bool        // it has a message longer than ordinaryMessage
	run  func(ctx context.Context, l *lane) error
}

// runOn runs all cases on one server.
func (r *run) runOn(ctx context.Context, server Server) (err error) {
	lanes, err := open(server, r.Parallel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lanes.close()) }()

	r.cases = r.runnable(server, lacking(ctx, lanes.all[0].redis, server.Prefix != ""))
	var tasks []task
	out := outgoing{by: map[string][]delivery{}}
	for _, p := range r.getting("send") {
		var of []resultKey
		for _, c := range r.sendingOf(p) {
			of = append(of, resultKey{server.ID, c.ID, p.ID, "", false, ""})
		}
		if of != nil {
			tasks = append(tasks, task{of, false, func(ctx context.Context, l *lane) error { return r.send(ctx, l, p, &out) }})
		}
	}
	if err := r.runTwice(ctx, lanes, append(tasks, r.evaluations(server)...)); err != nil {
		return err
	}

	tasks = nil
	receive := func(p *participant, all []batch) {
		for _, b := range all {
			var of []resultKey
			for _, d := range b.deliveries {
				of = append(of, resultKey{server.ID, d.c.ID, d.sender, p.ID, b.reliably, ""})
			}
			tasks = append(tasks, task{of, b.maxLine != ordinaryLine, func(ctx context.Context, l *lane) error { return r.receive(ctx, l, p, b) }})
		}
	}
	messages := r.receiveCases(server.Prefix)
	own := func(p *participant) []delivery {
		return slices.DeleteFunc(slices.Clone(messages), func(d delivery) bool { return !p.meets(nil, d.c) })
	}
	for _, p := range r.getting("receive") {
		var deliveries []delivery
		for _, sender := range r.participants {
			for _, d := range out.by[sender.ID] {
				if p.meets(sender, d.c) {
					deliveries = append(deliveries, d)
				}
			}
		}
		receive(p, append(batches(own(p), false), batches(deliveries, false)...))
	}
	if server.Prefix == "" { // the names of companion keys have another
		for _, p := range r.getting(protocol.ReceiveReliably) {
			receive(p, batches(own(p), true))
		}
	}
	return r.runTwice(ctx, lanes, append(tasks, r.scenarios(server)...))
}

// runTwice runs tasks, and then the second tries of their cases.
func (r *run) runTwice(ctx context.Context, lanes *lanes, tasks []task) error {
	if err := r.runTasks(ctx, lanes, tasks); err != nil {
		return err
	}
	return r.secondTries(ctx, lanes)
}

// runTasks runs tasks, each in a lane, and records all of their results: also if a task
// fails. Of the tasks with long messages, which need several hundred MiB, it runs one at a
// time. It returns an error if the run was interrupted.
func (r *run) runTasks(ctx context.Context, lanes *lanes, tasks []task) error {
	var group errgroup.Group
	group.SetLimit(len(lanes.all))
	var long []task
	for _, task := range tasks {
		r.expect(task.of)
		if task.long {
			long = append(long, task)
		}
	}
	group.Go(func() error {
		for _, task := range long {
			if err := r.runTask(ctx, lanes, task); err != nil {
				return err
			}
		}
		return nil
	})
	for _, task := range tasks {
		if !task.long {
			group.Go(func() error { return r.runTask(ctx, lanes, task) })
		}
	}
	return group.Wait()
}

// runTask runs a task in a lane, and records all of its results.
func (r *run) runTask(ctx context.Context, lanes *lanes, t task) error {
	err := r.attempt(ctx, lanes, t)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	r.account(t, err)
	return nil
}

// attempt runs a task in a lane.
func (r *run) attempt(ctx context.Context, lanes *lanes, t task) (err error) {
	l, err := lanes.take(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lanes.put(ctx, l)) }()
	return caught(func() error { return t.run(ctx, l) })
}

// account records an error for each result that a task did not record.
func (r *run) account(t task, err error) {
	missing := r.missing(t.of)
	if err == nil && len(missing) > 0 {
		err = errors.New("the harness recorded no result")
	}
	for _, of := range missing {
		r.record(report.Result{
			Case: of.testCase, Server: of.server, Sender: of.sender, Receiver: of.receiver,
			Reliable: of.reliable, Request: of.request, Outcome: report.Errored, Expected: "a result", Observed: observed(err), Problems: problemsOf(err),
		})
	}
	if err != nil && len(missing) == 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.troubles = append(r.troubles, err)
	}
}

// missing returns the keys without a result and without a scheduled second try.
func (r *run) missing(of []resultKey) []resultKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	var missing []resultKey
	for _, one := range of {
		if r.open[one] && !slices.ContainsFunc(r.again, func(a again) bool { return keyOf(a.first) == one }) {
			missing = append(missing, one)
		}
	}
	return missing
}

// getting returns the participants whose classes get requests with an operation.
func (r *run) getting(op string) []*participant {
	return slices.DeleteFunc(slices.Clone(r.participants), func(p *participant) bool { return !p.gets(op) })
}

// expect adds expected results.
func (r *run) expect(of []resultKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range of {
		r.open[one] = true
	}
}

// complete adds the message and the trace to a result.
func (r *run) complete(result report.Result, message []byte, t *trace) report.Result {
	if message != nil {
		result.MessageBytes = len(message)
		result.Message = bytes.Clone(message[:min(len(message), report.MaxMessage)]) // not the rest
	}
	result.Trace, result.Seconds = t.taken(result.Outcome == report.Passed && len(r.Cases) > 1 && !r.Traces)
	return result
}

// record adds a result to the report.
func (r *run) record(result report.Result) {
	r.mu.Lock()
	r.results = append(r.results, result)
	delete(r.open, keyOf(result))
	done := len(r.results)
	progress := Progress{Done: done, Total: done + len(r.open), Doing: strings.TrimSpace(result.Case + " " + result.Sender + " → " + result.Receiver)}
	r.mu.Unlock()
	if r.Progress != nil {
		r.Progress(progress)
	}
}

// inOrder returns the results in the order of cases, senders and receivers.
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
			rank[a.Sender] - rank[b.Sender], rank[a.Receiver] - rank[b.Receiver], strings.Compare(a.Request, b.Request),
		} {
			if difference != 0 {
				return difference
			}
		}
		return 0
	})
	return r.results
}
