package main

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
)

// The exit codes. They are part of the interface for scripts.
const (
	exitDone        = 0   // success; also dev and listen after a signal
	exitFailed      = 1   // the work failed
	exitUsage       = 2   // invalid arguments
	exitConnection  = 3   // no connection, or no permission
	exitNothing     = 4   // nothing was found
	exitFindings    = 5   // for example, a message is not safe
	exitInterrupted = 130 // a signal interrupted the work
)

// exitError ends the command with a code. Without an error, it prints nothing.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return "no error text"
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// isQuiet reports whether an error was already reported, or has no text.
func isQuiet(err error) bool {
	var coded *exitError
	return errors.As(err, &coded) && coded.err == nil
}

// usageError is the error of arguments that are valid separately but not together.
func usageError(text string) error { return &exitError{exitUsage, errors.New(text)} }

// hintError adds a hint to an error. Hints do not quote arguments.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

func withHint(err error, hint string) error {
	if hint == "" {
		return err
	}
	return &hintError{err, hint}
}

func exitCode(err error) int {
	var coded *exitError
	switch {
	case err == nil:
		return exitDone
	case isBrokenPipe(err): // the reader closed the pipe on purpose
		return exitDone
	case errors.As(err, &coded):
		return coded.code
	case isConnectionError(err):
		return exitConnection
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	default:
		return exitFailed
	}
}

// errInterrupted ends work that a signal interrupted before it changed anything.
var errInterrupted = &exitError{exitInterrupted, errors.New("interrupted before anything was done")}

// isBrokenPipe reports whether the reader closed the pipe, as in
// "remote-event listen | head -1".
func isBrokenPipe(err error) bool {
	var failed *outputError
	return errors.As(err, &failed) && errors.Is(err, syscall.EPIPE)
}

// outputError is a failed write to standard output.
type outputError struct{ err error }

func (e *outputError) Error() string {
	err := e.err
	if failed, ok := errors.AsType[*fs.PathError](err); ok { // its path adds nothing
		err = failed.Err
	}
	return "cannot write to standard output: " + err.Error()
}
func (e *outputError) Unwrap() error { return e.err }

func isOutputError(err error) bool {
	var failed *outputError
	return errors.As(err, &failed)
}
