package main

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
)

// The exit codes, a promise to scripts.
const (
	exitDone        = 0   // done; also dev and listen when ended by a signal
	exitFailed      = 1   // the work failed
	exitUsage       = 2   // the arguments make no sense
	exitConnection  = 3   // no connection, or no permission
	exitNothing     = 4   // nothing was there
	exitFindings    = 5   // a message is not safe
	exitInterrupted = 130 // a signal cut the work short
)

// exitError ends the command with a code; with no error in it, silently.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return "ended without a message"
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// isQuiet reports whether an error has been reported already, or needs no words.
func isQuiet(err error) bool {
	var coded *exitError
	return errors.As(err, &coded) && coded.err == nil
}

// usageError is the error of arguments that are each well formed and make no
// sense together.
func usageError(text string) error { return &exitError{exitUsage, errors.New(text)} }

// hintError adds to an error what its reader may do about it, in words of ours:
// nothing in it comes from the arguments.
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
	case isBrokenPipe(err): // whoever read the output has seen enough
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

// errInterrupted ends work that a signal has cut short before it did anything.
var errInterrupted = &exitError{exitInterrupted, errors.New("interrupted before anything was done")}

// isBrokenPipe tells that nobody reads the output any more, which is how
// "remote-event listen | head -1" ends.
func isBrokenPipe(err error) bool {
	var failed *outputError
	return errors.As(err, &failed) && errors.Is(err, syscall.EPIPE)
}

// outputError is a failed write to standard output.
type outputError struct{ err error }

func (e *outputError) Error() string {
	err := e.err
	if failed, ok := errors.AsType[*fs.PathError](err); ok { // whose path says no more
		err = failed.Err
	}
	return "cannot write to standard output: " + err.Error()
}
func (e *outputError) Unwrap() error { return e.err }

func isOutputError(err error) bool {
	var failed *outputError
	return errors.As(err, &failed)
}
