package fuzz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// Fuzzer compares implementations with the predictions of the library.
type Fuzzer struct {
	// RedisURL is the server. The fuzzer uses only keys with the prefix "compat:fuzz:".
	RedisURL string
	// Redis is the name and version of the server.
	Redis string
	// Subjects are the implementations, at least one.
	Subjects []engine.Implementation
	// Cases is the number of messages for each of them. Seed determines the messages.
	Cases int
	Seed  uint64
	// Workers is the number of concurrent processes of a subject.
	Workers int
	// Progress, if not nil, is called after each part of the work.
	Progress func(engine.Progress)
}

const (
	// part is the number of messages that a worker takes at a time.
	part = 256
	// maxMinimised is the maximum number of disagreements of one kind, with the same
	// findings, that are minimised. Further ones are only counted.
	maxMinimised = 2
)

// run is the state of a run.
type run struct {
	*Fuzzer

	generator *Generator
	client    *redis.Client

	mu      sync.Mutex // guards the fields below
	summary *Summary
	done    int
	kinds   map[string]int
}

// Run runs the messages. If it is interrupted, it returns the findings so far with the
// error.
func (f *Fuzzer) Run(ctx context.Context) (*Summary, error) {
	generator, err := NewGenerator(f.Seed)
	if err != nil {
		return nil, err
	}
	options, err := redis.ParseURL(f.RedisURL)
	if err != nil {
		return nil, errors.New("the server has no usable URL")
	}
	client := redis.NewClient(options)
	defer client.Close()

	r := &run{Fuzzer: f, generator: generator, client: client, kinds: map[string]int{}}
	r.summary = &Summary{Seed: f.Seed, Asked: f.Cases, Redis: f.Redis, Verdicts: map[string]int{}, Disagreements: []Disagreement{}}
	start := time.Now()
	err = r.all(ctx)
	r.summary.Seconds = time.Since(start).Seconds()
	slices.SortFunc(r.summary.Disagreements, func(a, b Disagreement) int {
		return 2*(a.Case-b.Case) + strings.Compare(a.Subject, b.Subject)
	})
	return r.summary, err
}

// all runs all messages with every subject, one subject after the other.
func (r *run) all(ctx context.Context) error {
	for i, subject := range r.Subjects {
		who, err := identify(ctx, subject, r.RedisURL)
		if err != nil {
			return err
		}
		r.summary.Subjects = append(r.summary.Subjects, SubjectSummary{Participant: who, Original: subject.Original})
		if err := r.one(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// one runs all messages with one subject.
func (r *run) one(ctx context.Context, subject int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	parts := make(chan int)
	var workers sync.WaitGroup
	for n := range max(r.Workers, 1) {
		workers.Go(func() {
			name := fmt.Sprintf("compat:fuzz:%x:%d:%d", time.Now().UnixNano(), subject, n)
			w := &worker{run: r, subject: subject, receiver: newReceiver(r.Subjects[subject], r.RedisURL, r.client, name)}
			if err := w.work(ctx, parts); err != nil {
				cancel(err)
			}
		})
	}
feed:
	for from := 0; from < r.Cases; from += part {
		select {
		case parts <- from:
		case <-ctx.Done():
			break feed
		}
	}
	close(parts)
	workers.Wait()
	return context.Cause(ctx)
}

// worker runs parts of the messages in one process of a subject.
type worker struct {
	*run

	subject  int
	receiver *receiver
}

func (w *worker) work(ctx context.Context, parts <-chan int) error {
	defer func() {
		w.receiver.close()
		w.mu.Lock()
		w.summary.Subjects[w.subject].Starts += int(w.receiver.starts.Load())
		w.mu.Unlock()
	}()
	for from := range parts {
		trials := make([]*trial, 0, part)
		for number := from; number < min(from+part, w.Cases); number++ {
			trials = append(trials, newTrial(number, w.generator.Message(number)))
		}
		results, err := w.receiver.run(ctx, trials)
		if err != nil {
			return err
		}
		w.count(trials, results)
		for i, t := range trials {
			if kind := t.difference(w.receiver.subject.Original, results[i]); kind != "" {
				if err := w.settle(ctx, t, results[i], kind); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// count counts the outcomes of messages.
func (w *worker) count(trials []*trial, results []observed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.summary.Subjects[w.subject]
	s.Cases += len(trials)
	if s.Outcomes == nil {
		s.Outcomes = map[string]int{}
	}
	for i, t := range trials {
		s.Outcomes[results[i].outcome]++
		if w.subject == 0 {
			w.summary.Verdicts[string(t.report.Verdict)+", "+string(t.report.Legacy)]++
		}
	}
	w.done += len(trials)
	if w.Progress != nil {
		w.Progress(engine.Progress{Done: w.done, Total: w.Cases * len(w.Subjects), Doing: s.String()})
	}
}

// settle records a disagreement. It minimises the message, unless there are many of the
// kind.
func (w *worker) settle(ctx context.Context, t *trial, o observed, kind string) error {
	subject := w.receiver.subject
	w.mu.Lock()
	who := w.summary.Subjects[w.subject].Participant
	signature := fmt.Sprint(who, kind, requirements(t))
	w.kinds[signature]++
	few := w.kinds[signature] <= maxMinimised
	w.summary.Subjects[w.subject].Disagreements++
	w.mu.Unlock()
	if !few {
		return nil
	}
	// Run it alone in a new process, because earlier messages may have been the cause.
	w.receiver.discard()
	again, err := w.receiver.run(ctx, []*trial{t})
	if err != nil {
		return err
	}
	d := Disagreement{Case: t.number, Subject: who.String(), Kind: kind, Repeats: t.difference(subject.Original, again[0]) == kind}
	if d.Repeats {
		if t, err = w.minimise(ctx, t, kind); err != nil {
			return err
		}
		if again, err = w.receiver.run(ctx, []*trial{t}); err != nil {
			return err
		}
		o = again[0]
	}
	d.Error = o.err
	for _, event := range o.events {
		d.Payload, d.Signals = event.PayloadText, event.Signals
	}
	d.Vector = newVector(w.Seed, t, o, subject.Original, d)
	w.mu.Lock()
	w.summary.Disagreements = append(w.summary.Disagreements, d)
	w.mu.Unlock()
	return nil
}

// identify requests the identity of an adapter.
func identify(ctx context.Context, subject engine.Implementation, url string) (Participant, error) {
	process, who, err := subject.Launch(ctx, engine.Setting{RedisURL: url})
	if err != nil {
		return Participant{}, err
	}
	if err := process.Close(); err != nil {
		return Participant{}, err
	}
	if !slices.ContainsFunc(who.Classes, func(c protocol.Class) bool { return c.Gets("receive") }) {
		return Participant{}, fmt.Errorf("%s %s claims no class of receivers", who.Name, who.Version)
	}
	if subject.Name != "" {
		who.Name = subject.Name
	}
	return Participant{Name: who.Name, Version: who.Version, Details: who.Details}, nil
}
