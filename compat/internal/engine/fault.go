package engine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/report"
)

// conductError is an observed violation by an implementation. Every other error means that
// nothing was observed.
type conductError struct{ error }

func wrong(format string, args ...any) error { return &conductError{fmt.Errorf(format, args...)} }

func (e *conductError) Unwrap() error { return e.error }

// missedDeadline reports whether something did not happen before a deadline.
func missedDeadline(err error) bool {
	_, late := errors.AsType[*calibration.TimeoutError](err)
	return late || errors.Is(err, adapter.ErrTimeout)
}

// judged returns err as a violation by the implementation if it is one: the implementation
// has missed a deadline again, in the second try, while the machine was not busy.
func (t turn) judged(err error) error {
	if late, ok := errors.AsType[*calibration.TimeoutError](err); ok && t.second && !late.Slow() {
		return &conductError{err}
	}
	return err
}

// notRunError is the reason why a case did not run with an implementation that missed
// deadlines.
type notRunError struct{ why string }

func (e *notRunError) Error() string { return "not run: " + e.why }

// panicError is a panic of the harness, or of an implementation in its process.
type panicError struct {
	value any
	stack string
}

func (e *panicError) Error() string { return fmt.Sprintf("the harness panicked: %v", e.value) }

// caught calls a function and returns its panic as an error.
func caught(call func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value, string(debug.Stack())}
		}
	}()
	return call()
}

// outcomeOf returns the outcome of a case that ended with err: failed if a violation was
// observed; if nothing was observed, inconclusive after a missed deadline, and otherwise
// error.
func outcomeOf(err error) report.Outcome {
	failure, failed := errors.AsType[*protocol.FailedError](err)
	_, conduct := errors.AsType[*conductError](err)
	_, dies := errors.AsType[*deathError](err)
	_, absent := errors.AsType[*notRunError](err)
	switch {
	case err == nil:
		return report.Passed
	case failed && failure.Unsupported():
		return report.Unsupported
	case failed, conduct, dies:
		return report.Failed
	case absent, missedDeadline(err):
		return report.Inconclusive
	}
	return report.Errored
}

// observed returns an error as one line that begins with its kind.
func observed(err error) string {
	dying, dies := errors.AsType[*deathError](err)
	_, absent := errors.AsType[*notRunError](err)
	_, rejects := errors.AsType[*protocol.FailedError](err)
	prefix, text := "fails: ", err.Error()
	switch {
	case dies:
		prefix, text = "", dying.Error()
	case absent:
		prefix = ""
	case rejects:
		prefix = "rejects: "
	case unknown(outcomeOf(err)):
		prefix = "fault: "
	}
	line, _, _ := strings.Cut(text, "\n")
	return prefix + Text(line, 300)
}

// unknown reports whether an outcome permits no conclusion about the implementation.
func unknown(outcome report.Outcome) bool {
	return outcome == report.Errored || outcome == report.Inconclusive
}

// problemsOf returns an error as the problems of a result.
func problemsOf(err error) []string {
	problems := []string{err.Error()}
	if panicked, ok := errors.AsType[*panicError](err); ok {
		problems = append(problems, panicked.stack)
	}
	return problems
}

// shut ends a process. It ignores the error: the outcome is known by then.
func shut(process Process) { _ = caught(process.Close) }
