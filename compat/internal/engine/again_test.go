package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/report"
)

// instead is the library, but for some of its processes, which are a shell script. The
// processes are counted from 1, the first one that says hello: on a busy machine, others
// may have been too slow before it.
func instead(script string, processes ...int32) engine.Implementation {
	good, bad := library(), engine.Command("", false, "/bin/sh", "-c", script)
	var counted atomic.Int32
	return engine.Implementation{Start: func(ctx context.Context, s engine.Setting) (engine.Process, error) {
		if counted.Load() == 0 {
			process, err := good.Start(ctx, s)
			return firstProcess{process, &counted}, err
		}
		if slices.Contains(processes, counted.Add(1)) {
			return bad.Start(ctx, s)
		}
		return good.Start(ctx, s)
	}}
}

type firstProcess struct {
	engine.Process

	counted *atomic.Int32
}

func (p firstProcess) Hello(ctx context.Context) (protocol.Identity, error) {
	who, err := p.Process.Hello(ctx)
	if err == nil {
		p.counted.CompareAndSwap(0, 1)
	}
	return who, err
}

// A case without a result runs a second time, alone and with four times the deadline. A
// second missed deadline is a failure only if the machine was not busy.
func TestSecondTry(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	const timeout = 500 * time.Millisecond
	for name, test := range map[string]struct {
		script    string
		processes []int32 // the first says hello only
		outcome   report.Outcome
		says      string
	}{
		"slow once":    {hello + "exec sleep 600", []int32{2}, report.Passed, ""},
		"slow twice":   {hello + "exec sleep 600", []int32{2, 3}, "", "not within " + (4 * timeout).String()},
		"crashes once": {hello + "exit 3", []int32{2}, report.Passed, ""},
		"crashes":      {hello + "exit 3", []int32{2, 3}, report.Errored, "exit status 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, engine.Config{
				Cases: selected(t, "send/the-original-readme"), Implementations: []engine.Implementation{instead(test.script, test.processes...)},
				Servers: []engine.Server{serve(t, embedded)}, Timeout: timeout, Parallel: 1,
			})
			if len(r.Results) != 1 {
				t.Fatalf("%d results", len(r.Results))
			}
			result := r.Results[0]
			if test.outcome == "" {
				test.outcome = report.Failed
				if strings.Contains(strings.Join(result.Problems, ""), "busy") {
					test.outcome = report.Inconclusive
				}
			}
			if result.Outcome != test.outcome || result.FirstTry == "" || !strings.Contains(strings.Join(result.Problems, "\n"), test.says) {
				t.Errorf("%s, first %q, %q", result.Outcome, result.FirstTry, result.Problems)
			}
		})
	}
}

// One that answers nothing is not waited for again and again, and every case has
// a result all the same.
func TestHopeless(t *testing.T) {
	t.Parallel()
	cases := selected(t, "send")
	r := run(t, engine.Config{
		Cases: cases, Servers: []engine.Server{serve(t, embedded)}, Timeout: 20 * time.Millisecond,
		Implementations: []engine.Implementation{{Name: "mute", Start: func(context.Context, engine.Setting) (engine.Process, error) { return mute{}, nil }}},
	})
	if len(r.Results) != len(cases) {
		t.Errorf("%d results of %d cases", len(r.Results), len(cases))
	}
	var said [3]int
	for _, result := range r.Results {
		if result.Outcome != report.Inconclusive {
			t.Errorf("%s %s", result.Case, result.Outcome)
		}
		for i, text := range []string{"not run: the implementation missed 6 deadlines of 20ms in a row", "no second try", "does not answer"} {
			if strings.Contains(strings.Join(result.Problems, "\n"), text) {
				said[i]++
			}
		}
	}
	if slices.Contains(said[:], 0) {
		t.Errorf("the problems: %v", said)
	}
}

// mute says hello and nothing else.
type mute struct{}

func (mute) Hello(context.Context) (protocol.Identity, error) {
	return protocol.Identity{Name: "mute", Classes: []protocol.Class{protocol.LegacySafeSender, protocol.Receiver}}, nil
}

func (mute) Send(context.Context, protocol.Message) error {
	return &adapter.Error{Op: "send", Kind: adapter.ErrTimeout}
}

func (mute) Receive(context.Context, protocol.Reception) error {
	return &adapter.Error{Op: "receive", Kind: adapter.ErrTimeout}
}

func (mute) Next(ctx context.Context) (protocol.Observation, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (mute) Kill()        {}
func (mute) Close() error { return nil }

// A panic of the harness, wherever it comes, costs the result of a case and not
// the report.
func TestPanic(t *testing.T) {
	t.Parallel()
	for name, panics := range map[string]string{"start": "start", "hello": "hello", "send": "send", "receive": "receive", "next": "next", "close": "close"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cases := selected(t, "send/the-original-readme", "payload/readme", "wire/the-plainest", "redis/one-at-a-time")
			var starts atomic.Int32
			r := run(t, engine.Config{
				Cases: cases, Servers: []engine.Server{serve(t, embedded)}, Timeout: time.Second,
				Implementations: []engine.Implementation{plain(), {Name: "faulty", Start: func(context.Context, engine.Setting) (engine.Process, error) {
					if panics == "start" && starts.Add(1) > 2 {
						panic("start")
					}
					return &faulty{panics: panics, starts: &starts}, nil
				}}},
			})
			played := map[string]bool{}
			for _, result := range r.Results {
				if strings.Contains(result.Sender+result.Receiver, "faulty") {
					played[result.Case] = true
					if result.Outcome == report.Passed {
						t.Errorf("%s passes", result.Case)
					}
				} else if result.Outcome != report.Passed {
					t.Errorf("%s of the library: %s, %q", result.Case, result.Outcome, result.Problems)
				}
			}
			if len(played) != len(cases) {
				t.Errorf("%d of %d cases have a result: %v", len(played), len(cases), played)
			}
		})
	}
}

// faulty panics in one of its methods, and refuses everything in the others.
type faulty struct {
	mute

	panics string
	starts *atomic.Int32
}

func (f *faulty) at(method string) error {
	if f.panics == method {
		panic(method)
	}
	return errors.New("no")
}

func (f *faulty) Hello(ctx context.Context) (protocol.Identity, error) {
	if f.panics == "hello" && f.starts.Add(1) > 1 {
		panic("hello")
	}
	return f.mute.Hello(ctx)
}

func (f *faulty) Send(context.Context, protocol.Message) error { return f.at("send") }

func (f *faulty) Receive(context.Context, protocol.Reception) error {
	if f.panics == "next" || f.panics == "close" {
		return nil
	}
	return f.at("receive")
}

func (f *faulty) Next(context.Context) (protocol.Observation, error) { return nil, f.at("next") }

func (f *faulty) Close() error {
	if f.panics == "close" && f.starts.Add(1) > 1 {
		panic("close")
	}
	return nil
}

// A server that cannot be had for a case, or is gone, leaves an error for every
// case, and a report.
func TestServerFails(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	server := serve(t, local)
	for name, another := range map[string]func(context.Context) (*redisserver.Server, error){
		"none": func(context.Context) (*redisserver.Server, error) { return nil, errors.New("no server is left") },
		"no TCP": func(ctx context.Context) (*redisserver.Server, error) {
			return redisserver.Start(ctx, redisserver.Options{Unix: true})
		},
	} {
		server.Another = another
		r := run(t, engine.Config{
			Cases: selected(t, "redis/restart", "redis/one-at-a-time"), Implementations: []engine.Implementation{plain()},
			Servers: []engine.Server{server}, Timeout: patient,
		})
		for _, result := range r.Results {
			if want := map[string]report.Outcome{"redis/restart": report.Errored, "redis/one-at-a-time": report.Passed}[result.Case]; result.Outcome != want {
				t.Errorf("%s: %s %s: %q", name, result.Case, result.Outcome, result.Problems)
			}
		}
		if len(r.Results) != 2 {
			t.Errorf("%s: %d results", name, len(r.Results))
		}
	}
}

// A Redis that goes away in the middle of a run leaves a report of it, too.
func TestRedisGoes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	server, err := redisserver.Start(t.Context(), redisserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	one := plain()
	start, gone := one.Start, false
	one.Start = func(ctx context.Context, s engine.Setting) (engine.Process, error) {
		process, err := start(ctx, s)
		return &ending{process, func() {
			if !gone {
				gone = true
				_ = server.Close()
			}
		}}, err
	}
	cases := selected(t, "send/the-original-readme", "wire/the-plainest", "redis/one-at-a-time")
	r, err := engine.Run(t.Context(), engine.Config{
		Cases: cases, Implementations: []engine.Implementation{one}, Parallel: 1,
		Servers: []engine.Server{{Server: report.Server{ID: "it"}, URL: server.URL()}}, Timeout: 300 * time.Millisecond,
	})
	if r == nil || len(r.Results) != len(cases) {
		t.Fatalf("the report: %+v, %v", r, err)
	}
	for _, result := range r.Results {
		if result.Outcome == report.Passed {
			t.Errorf("%s passes without Redis", result.Case)
		}
	}
}

// ending is a process that ends Redis before it sends.
type ending struct {
	engine.Process

	end func()
}

func (e *ending) Send(ctx context.Context, m protocol.Message) error {
	e.end()
	return e.Process.Send(ctx, m)
}

// poller asks for a message again and again, and never waits for one. A
// connection that is killed is none of its business, or its end.
func poller(reconnects bool) engine.Implementation {
	return engine.Implementation{Name: "poller", Start: func(_ context.Context, s engine.Setting) (engine.Process, error) {
		options, err := redis.ParseURL(s.RedisURL)
		if err != nil {
			return nil, err
		}
		options.MaxRetries = -1
		client := redis.NewClient(options)
		p := &fakeProcess{redis: client, poll: true, fragile: !reconnects, observe: observations}
		p.ctx, p.end = context.WithCancel(context.Background()) // Close ends it
		p.observed = make(chan protocol.Observation, 1000)
		return p, nil
	}}
}

// A receiver that polls has a result of the cases in which connections are
// killed, every time, whether or not another implementation has one. One that does not
// reconnect misses a deadline in each case, and needs no second try for its result.
func TestPollerAndKilledConnections(t *testing.T) {
	t.Parallel()
	cases := selected(t, "redis/client-kill*")
	for _, reconnects := range []bool{true, false} {
		if !reconnects && testing.Short() {
			continue // it waits for deadlines
		}
		for _, with := range [][]engine.Implementation{{poller(reconnects)}, {poller(reconnects), plain()}} {
			t.Run(fmt.Sprint(reconnects, len(with)), func(t *testing.T) {
				t.Parallel()
				r := run(t, engine.Config{Cases: cases, Implementations: with, Servers: []engine.Server{serve(t, local)}, Timeout: 500 * time.Millisecond, Once: !reconnects})
				if len(r.Results) != len(cases)*len(with) || len(r.Skipped) > 0 {
					t.Errorf("%d results of %d cases with %d, left out: %v", len(r.Results), len(cases), len(with), r.Skipped)
				}
				for _, result := range r.Results {
					if result.Receiver == "poller" && (result.Outcome == report.Passed) != reconnects {
						t.Errorf("%s: %s %q", result.Case, result.Outcome, result.Problems)
					}
				}
			})
		}
	}
}
