package engine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/report"
)

// conductError is what an implementation was seen to do wrong. All other errors
// say why nothing was seen.
type conductError struct{ error }

func wrong(format string, args ...any) error { return &conductError{fmt.Errorf(format, args...)} }

func (e *conductError) Unwrap() error { return e.error }

// deadlineError is that something did not happen in time.
type deadlineError struct{ after time.Duration }

func (e *deadlineError) Error() string { return fmt.Sprintf("not within %v", e.after) }

// notPlayedError is why a case was not played with an implementation.
type notPlayedError struct{ why string }

func (e *notPlayedError) Error() string { return "not played: " + e.why }

// panicError is a panic of the harness, or of what it was given.
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

// outcomeOf is what an error makes of a case: failed where the implementation was
// seen to do something else than it should, and error where nothing was seen.
func outcomeOf(err error) report.Outcome {
	refusal, refused := errors.AsType[*protocol.FailedError](err)
	_, conduct := errors.AsType[*conductError](err)
	_, dies := errors.AsType[*deathError](err)
	switch {
	case err == nil:
		return report.Passed
	case refused && refusal.Unsupported():
		return report.Unsupported
	case refused, conduct, dies:
		return report.Failed
	}
	return report.Errored
}

// observed is an error in one line, the kind of it first.
func observed(err error) string {
	dying, dies := errors.AsType[*deathError](err)
	_, absent := errors.AsType[*notPlayedError](err)
	_, refuses := errors.AsType[*protocol.FailedError](err)
	prefix, text := "fails: ", err.Error()
	switch outcome := outcomeOf(err); {
	case dies:
		prefix, text = "", dying.Error()
	case absent:
		prefix = ""
	case refuses:
		prefix = "refuses: "
	case outcome == report.Errored:
		prefix = "fault: "
	}
	line, _, _ := strings.Cut(text, "\n")
	return prefix + Text([]byte(line), 300)
}

// problemsOf are an error as the problems of a result.
func problemsOf(err error) []string {
	problems := []string{err.Error()}
	if panicked, ok := errors.AsType[*panicError](err); ok {
		problems = append(problems, panicked.stack)
	}
	return problems
}

// shut ends a process. What it did wrong in its life is known, and how it ends is
// of no interest any more.
func shut(process Process) { _ = caught(process.Close) }
