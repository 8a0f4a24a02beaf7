package engine

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// Implementation is what cases are played with.
type Implementation struct {
	// Name, if any, is what the report calls it, rather than by its own name.
	Name string
	// ID, if any, is what tells it from the others in the report.
	ID string
	// Original is whether it is held to what was measured of the originals.
	Original bool
	// VariantOf, if any, is the ID of an implementation that is the same on other
	// versions of what it stands on. Variants are not played with each other, nor
	// in fleets: there would be too much of it.
	VariantOf string
	// Families, if any, are those of the cases that it takes part in.
	Families []string
	// Flag is what has it take part in a run, for the report.
	Flag string
	// Start starts a process of it, or whatever stands for one: once for each
	// role and again after each death, from several goroutines.
	Start func(ctx context.Context, setting Setting) (Process, error)
}

// Setting is what an implementation is started with.
type Setting struct {
	RedisURL string
	// Timeout is how long it may take to answer.
	Timeout time.Duration
	// MaxLine is how long a report may be.
	MaxLine int
	// Trace is called with all that is said to it ("→") and by it ("←").
	Trace func(direction string, line []byte)
}

// Process is a running sender or receiver of an implementation, such as an
// *adapter.Adapter.
type Process interface {
	Hello(ctx context.Context) (protocol.Identity, error)
	Send(ctx context.Context, message protocol.Message) error
	Receive(ctx context.Context, queues, signals []string) error
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

// Command is the implementation behind the command line of an adapter.
func Command(name string, original bool, command ...string) Implementation {
	return Implementation{Name: name, Original: original, Start: func(ctx context.Context, s Setting) (Process, error) {
		return adapter.Start(ctx, adapter.Options{
			Command: command, RedisURL: s.RedisURL, StartTimeout: StartTimeout(s.Timeout), Timeout: s.Timeout, Grace: s.Timeout, MaxLine: s.MaxLine, Trace: s.Trace,
		})
	}}
}

// An adapter has startTimeouts times as long for its start as for an answer, but not
// longer than startMax, unless it has as long for an answer: an interpreter on a busy
// machine takes its time.
const (
	startTimeouts = 6
	startMax      = 2 * time.Minute
)

// StartTimeout returns how long an adapter may take to start that has the timeout for
// an answer.
func StartTimeout(timeout time.Duration) time.Duration {
	return max(timeout, min(startTimeouts*timeout, startMax))
}

// participant is an implementation that has said who it is.
type participant struct {
	report.Implementation

	implementation Implementation
	// late is how many deadlines in a row it missed, whatever it was doing.
	late atomic.Int32
	// secondVain is how many second tries in a row found out nothing, secondLate
	// how many of them by a deadline.
	secondVain, secondLate int
}

func (p *participant) plays(role protocol.Role) bool { return slices.Contains(p.Roles, string(role)) }

// takes reports whether it takes part in a case.
func (p *participant) takes(c *suite.Case) bool {
	return len(p.implementation.Families) == 0 || slices.Contains(p.implementation.Families, c.Family)
}

// meets reports whether it takes part in a case of which another is the sender,
// nil where that is the harness.
func (p *participant) meets(sender *participant, c *suite.Case) bool {
	return p.takes(c) && (sender == nil || sender == p || p.VariantOf == "" || sender.VariantOf == "")
}

// identify asks all implementations who they are. One that does not say, or does
// not stop as it should, is asked a second time, alone. The report has what is
// wrong with it; one that has not said hello plays nothing.
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

// greet asks an implementation who it is, and to stop. Its error is what is wrong
// with it.
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
		for _, role := range identity.Roles {
			p.Roles = append(p.Roles, string(role))
		}
		return process.Close()
	})
}

// nameApart gives every participant that has none an ID: its name and version,
// and what else tells it from the others.
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

// alike are the participants that share an ID, in groups.
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
