package config

import (
	"fmt"
	"strings"
)

// Error is a fault in a configuration file. [Load] returns one for every fault
// that it found, joined; [errors.As] finds the first.
//
// Neither its fields nor its text ever hold a value of the configuration, nor a
// brace with what is in it: either may be the password. They name keys, and
// parameters that there are, such as {REDIS_PASSWORD}.
type Error struct {
	// File is the path of the file, as it was given to Load.
	File string
	// Line is the line in File, from 1 on, or 0 where the file as a whole is
	// at fault (it cannot be read, say).
	Line int
	// Key is the path of the setting, such as redis.port or
	// remote_event.events[0].name, or empty where no one setting is at fault.
	Key string
	// Message says what is wrong and what to do.
	Message string

	cause error
}

// Error returns the fault in the form "file:line: key: message".
func (e *Error) Error() string {
	if e == nil {
		return "no fault"
	}
	return locate(e.File, e.Line, e.Key) + e.Message
}

// Unwrap returns the error of the operating system where a file could not be
// read, so that errors.Is(err, fs.ErrNotExist) works, and nil otherwise.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.cause
}

// Warning is something in a configuration file that is legal and probably not
// what its author means.
type Warning struct {
	File    string // as in [Error]
	Line    int    // as in [Error]
	Key     string // as in [Error]
	Message string // what is suspicious and what to do
}

// String returns the warning in the form "file:line: key: message".
func (w Warning) String() string {
	return locate(w.File, w.Line, w.Key) + w.Message
}

func locate(file string, line int, key string) string {
	var b strings.Builder
	b.WriteString(file)
	if line > 0 {
		fmt.Fprintf(&b, ":%d", line)
	}
	b.WriteString(": ")
	if key != "" {
		b.WriteString(key + ": ")
	}
	return b.String()
}
