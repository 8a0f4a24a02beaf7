package engine

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// Implementation is an implementation that takes part in a run.
type Implementation struct {
	// Name is its name in the report. The default is the name of its identity.
	Name string
	// ID identifies it in the report. The default is made of name, version and details.
	ID string
	// Original is whether it is compared with the measured behaviour of the originals.
	Original bool
	// VariantOf is the ID of the same implementation on other versions of its
	// dependencies, if any. Variants do not run with each other, nor in fleets: the
	// number of combinations would be too large.
	VariantOf string
	// Families limits the cases to those of these families. The default is all.
	Families []string
	// Flag is the flag of the command that selects it, for the report.
	Flag string
	// MaxQueues is the number of queues that one process can consume, 5 by default.
	MaxQueues int
	// Start starts a process of it. The engine calls it once for each kind of requests and again
	// after the end of a process, from several goroutines.
	Start func(ctx context.Context, setting Setting) (Process, error)
}

// Setting has the options of a process.
type Setting struct {
	RedisURL string
	// Env is added to the environment of the process.
	Env []string
	// Timeout is the maximum time of an answer.
	Timeout time.Duration
	// MaxLine is the maximum length of a line from the process in bytes.
	MaxLine int
	// Secrets are the texts that the process must not write.
	Secrets []adapter.Secret
	// Trace is called with each line to the process ("→") and from it ("←").
	Trace func(direction string, line []byte)
}

// Process is a running sender or receiver of an implementation, such as an
// *adapter.Adapter.
type Process interface {
	Hello(ctx context.Context) (protocol.Identity, error)
	Send(ctx context.Context, message protocol.Message) error
	Receive(ctx context.Context, reception protocol.Reception) error
	Next(ctx context.Context) (protocol.Observation, error)
	// Kill ends it at once, as a crash does. The caller must still call Close.
	Kill()
	// Close asks it to end and waits until it has ended.
	Close() error
}

// Launch starts a process and asks for its identity. A process without an identity
// is killed.
func (i Implementation) Launch(ctx context.Context, setting Setting) (Process, protocol.Identity, error) {
	process, err := i.Start(ctx, setting)
	if err != nil {
		return nil, protocol.Identity{}, err
	}
	identity, err := process.Hello(ctx)
	if err != nil {
		process.Kill()
		shut(process)
		return nil, protocol.Identity{}, err
	}
	return process, identity, nil
}

// originalQueues is the number of queues that an original serves for each CPU.
const originalQueues = 5

// Command returns the implementation of the adapter with a command line.
func Command(name string, original bool, command ...string) Implementation {
	queues := originalQueues
	if original {
		queues *= min(runtime.NumCPU(), 4)
	}
	return Implementation{Name: name, Original: original, MaxQueues: queues, Start: func(ctx context.Context, s Setting) (Process, error) {
		return adapter.Start(ctx, adapter.Options{
			Command: command, RedisURL: s.RedisURL, Env: s.Env, StartTimeout: StartTimeout(s.Timeout), Timeout: s.Timeout, Grace: s.Timeout, MaxLine: s.MaxLine, Secrets: s.Secrets, Trace: s.Trace,
		})
	}}
}

// The timeout of an adapter's start is startTimeouts times the timeout of an answer, but
// not longer than startMax unless that of an answer is. An interpreter starts slowly on a
// busy machine.
const (
	startTimeouts = 6
	startMax      = 2 * time.Minute
)

// StartTimeout returns the timeout of an adapter's start for the timeout of an answer.
func StartTimeout(timeout time.Duration) time.Duration {
	return max(timeout, min(startTimeouts*timeout, startMax))
}

// participant is an implementation whose identity is known.
type participant struct {
	report.Implementation

	implementation Implementation
	// late is the number of consecutive deadlines that it missed.
	late atomic.Int32
	// secondErrors is how many second tries in a row ended with an error, secondLate
	// how many of them by a deadline.
	secondErrors, secondLate int
}

// gets reports whether the classes that it claims get requests with an operation.
func (p *participant) gets(op string) bool {
	return slices.ContainsFunc(p.Classes, func(class string) bool { return protocol.Class(class).Gets(op) })
}

// takes reports whether it takes part in a case.
func (p *participant) takes(c *suite.Case) bool {
	return len(p.implementation.Families) == 0 || slices.Contains(p.implementation.Families, c.Family)
}

// meets reports whether it receives the events of a case from a sender, nil for the
// harness.
func (p *participant) meets(sender *participant, c *suite.Case) bool {
	return p.takes(c) && (sender == nil || sender == p || p.VariantOf == "" || sender.VariantOf == "")
}

// identify asks all implementations for their identities. It asks an implementation a
// second time, alone, if that does not answer hello or does not stop as it should. The
// report contains the problem. An implementation without an identity takes part in no
// case.
func (r *run) identify(ctx context.Context, url string) error {
	r.participants = make([]*participant, len(r.Implementations))
	faults := make([]error, len(r.Implementations))
	var group errgroup.Group
	group.SetLimit(r.Parallel)
	for i, implementation := range r.Implementations {
		group.Go(func() error {
			r.participants[i], faults[i] = greet(ctx, implementation, Setting{RedisURL: url, Timeout: r.Timeout})
			return nil
		})
	}
	_ = group.Wait() // no call returns an error
	for i, implementation := range r.Implementations {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if faults[i] != nil && !r.Once {
			r.participants[i], faults[i] = greet(ctx, implementation, Setting{RedisURL: url, Timeout: secondTimeout(r.Timeout)})
		}
		p := r.participants[i]
		if faults[i] != nil {
			p.Problem = adapter.Quote(faults[i])
		}
		if p.Name == "" {
			p.Name = fmt.Sprintf("implementation %d", i+1)
		}
	}
	nameApart(r.participants)
	return nil
}

// greet asks an implementation for its identity, and then to stop. It returns an error
// if the implementation does not do so.
func greet(ctx context.Context, implementation Implementation, setting Setting) (*participant, error) {
	p := &participant{implementation: implementation}
	p.ID, p.Original, p.VariantOf, p.Flag = implementation.ID, implementation.Original, implementation.VariantOf, implementation.Flag
	p.Name = implementation.Name
	return p, caught(func() error {
		process, identity, err := implementation.Launch(ctx, setting)
		if err != nil {
			return err
		}
		p.Version, p.Details = identity.Version, identity.Details
		if p.Name == "" {
			p.Name = identity.Name
		}
		for _, class := range identity.Classes {
			p.Classes = append(p.Classes, string(class))
		}
		return process.Close()
	})
}

// nameApart assigns an ID to every participant without one: name and version, and the
// details that distinguish it from the others.
func nameApart(participants []*participant) {
	nameless := slices.DeleteFunc(slices.Clone(participants), func(p *participant) bool { return p.ID != "" })
	for _, p := range nameless {
		p.ID = p.Name
		if p.Version != "" {
			p.ID += "-" + p.Version
		}
	}
	for _, by := range []struct{ prefix, detail string }{
		{"-py", "python"}, {"-", "implementation"}, {"-applauncher", "applauncher"}, {"-redis", "redis"}, {"-blinker", "blinker"},
	} {
		for _, group := range alike(nameless) {
			values := map[string]bool{}
			for _, p := range group {
				values[p.Details[by.detail]] = true
			}
			for _, p := range group {
				if len(values) > 1 {
					p.ID += by.prefix + p.Details[by.detail]
				}
			}
		}
	}
	for _, group := range alike(participants) {
		for i, p := range group[1:] {
			p.ID += fmt.Sprintf("-%d", i+2)
		}
	}
}

// alike returns the groups of participants that share an ID.
func alike(participants []*participant) [][]*participant {
	groups := map[string][]*participant{}
	var order []string
	for _, p := range participants {
		if groups[p.ID] == nil {
			order = append(order, p.ID)
		}
		groups[p.ID] = append(groups[p.ID], p)
	}
	var several [][]*participant
	for _, id := range order {
		if len(groups[id]) > 1 {
			several = append(several, groups[id])
		}
	}
	return several
}
