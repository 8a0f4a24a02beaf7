package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/evaluation"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/spec"
)

// evaluator is a Process that evaluates test vectors, such as an *adapter.Adapter.
type evaluator interface {
	Evaluate(ctx context.Context, family string, input json.RawMessage) (json.RawMessage, error)
}

// evaluations returns the tasks of each implementation that evaluates cases: one, and
// another for the long messages. Originals, and variants of an implementation, evaluate
// none.
func (r *run) evaluations(server Server) []task {
	var tasks []task
	for _, p := range r.participants {
		if p.Original || p.VariantOf != "" {
			continue
		}
		for _, long := range []bool{false, true} {
			var cases []*suite.Case
			var of []resultKey
			for i := range r.cases {
				if c := &r.cases[i]; long == (c.Delivery != nil && c.Delivery.Message.Len() > ordinaryMessage) && p.takes(c) && len(p.questions(c)) > 0 {
					cases = append(cases, c)
					of = append(of, resultKey{server.ID, c.ID, "", p.ID, false, "evaluate"})
				}
			}
			if len(cases) > 0 {
				tasks = append(tasks, task{of, long, func(ctx context.Context, l *lane) error { return r.evaluate(ctx, l, p, cases) }})
			}
		}
	}
	return tasks
}

// questions returns the questions of a case that the classes of a participant have.
func (p *participant) questions(c *suite.Case) []evaluation.Question {
	classes := slices.DeleteFunc(protocol.Classes(), func(class spec.Class) bool {
		return !slices.Contains(p.Classes, class.Name) || !evaluation.Evaluates(class, c.Family)
	})
	return slices.DeleteFunc(slices.Clone(c.Questions), func(q evaluation.Question) bool {
		return !slices.ContainsFunc(classes, func(class spec.Class) bool { return q.Op == "" || strings.HasPrefix(class.Request, q.Op) })
	})
}

// evaluate asks one implementation the questions of cases, one after the other. It starts
// a new process after a failure.
func (r *run) evaluate(ctx context.Context, l *lane, p *participant, cases []*suite.Case) error {
	e := &evaluating{outbox{run: r, turn: r.first(), p: p, lane: l, trace: &trace{}}}
	defer e.drop()
	for _, c := range cases {
		result := e.result(ctx, c)
		if err := context.Cause(ctx); err != nil {
			return err
		}
		r.conclude(result, []*participant{p}, func(ctx context.Context, l *lane, t turn) (report.Result, error) {
			alone := &evaluating{outbox{run: r, turn: t, p: p, lane: l, trace: &trace{}}}
			defer alone.drop()
			return alone.result(ctx, c), context.Cause(ctx)
		})
	}
	return nil
}

// evaluating is an implementation that evaluates. It starts its process as a sender does.
type evaluating struct{ outbox }

// result asks the questions of a case. A case with several questions passes if one is
// supported, and all that are supported pass.
func (e *evaluating) result(ctx context.Context, c *suite.Case) report.Result {
	e.trace.begin()
	result := report.Result{Case: c.ID, Server: e.lane.server, Receiver: e.p.ID, Request: "evaluate", Outcome: report.Unsupported}
	var expected, seen []string
	for _, q := range e.p.questions(c) {
		expected = append(expected, q.Expected)
		shown := q.Requirements
		if shown == nil {
			shown = c.Requirements
		}
		output, err := e.ask(ctx, c.Family, q)
		failed, answered := errors.AsType[*protocol.FailedError](err)
		switch {
		case answered && failed.Unsupported():
			seen = append(seen, "unsupported")
			continue
		case err != nil && !answered:
			result.Outcome, result.Observed, result.Problems = outcomeOf(err), observed(err), problemsOf(err)
			result.Expected, result.Requirements = "evaluates to "+Text(q.Expected, 300), shown
			return e.run.complete(result, nil, e.trace)
		case err != nil:
			seen = append(seen, observed(err))
			result.Problems = append(result.Problems, "the adapter failed: "+failed.Reason)
		default:
			seen = append(seen, "evaluates to "+Text(output, 300))
			result.Problems = append(result.Problems, q.Compare(output)...)
		}
		result.Requirements = union(result.Requirements, shown...)
		result.Outcome = report.Passed
	}
	result.Expected = "evaluates to " + Text(strings.Join(expected, " and "), 300)
	result.Observed = strings.Join(seen, " and ")
	if len(result.Problems) > 0 {
		result.Outcome = report.Failed
	}
	var message []byte
	if c.Delivery != nil {
		message = c.Delivery.Message.Head(report.MaxMessage)
	}
	done := e.run.complete(result, message, e.trace)
	if c.Delivery != nil {
		done.MessageBytes = c.Delivery.Message.Len()
	}
	return done
}

// ask asks a question.
func (e *evaluating) ask(ctx context.Context, family string, q evaluation.Question) (output json.RawMessage, err error) {
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	input, err := q.Input()
	if err != nil {
		return nil, fmt.Errorf("make the input: %w", err)
	}
	process, able := e.process.(evaluator)
	if !able {
		return nil, &protocol.FailedError{Op: "evaluate", Reason: "unsupported by its process"}
	}
	err = caught(func() (err error) {
		output, err = process.Evaluate(ctx, family, input)
		return err
	})
	e.p.punctual(err)
	if _, failed := errors.AsType[*protocol.FailedError](err); err != nil && !failed {
		e.drop() // its state is unknown
	}
	return output, err
}
