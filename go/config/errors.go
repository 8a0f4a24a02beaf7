package config

import (
	"fmt"
	"strings"
)

// Error is a fault in a configuration file. [Load] joins one for every fault
// that it finds; [errors.As] finds the first.
//
// Its fields and its text contain no value of the configuration, and no text in braces
// other than the names of known parameters, such as {REDIS_PASSWORD}: either may be the
// password.
type Error struct {
	// File is the path of the file as passed to Load.
	File string
	// Line is the line in File, from 1, or 0 if the fault concerns the whole
	// file (for example, it cannot be read).
	Line int
	// Key is the path of the setting, such as redis.port or
	// remote_event.events[0].name, or empty if the fault concerns no single setting.
	Key string
	// Message describes the fault and its remedy.
	Message string

	cause error
}

// Error returns the fault in the form "file:line: key: message".
func (e *Error) Error() string {
	if e == nil {
		return "no configuration error"
	}
	return locate(e.File, e.Line, e.Key) + e.Message
}

// Unwrap returns the error of the operating system if a file could not be
// read, so that errors.Is(err, fs.ErrNotExist) works, and nil otherwise.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.cause
}

// Warning is a legal setting in a configuration file that is probably a mistake.
type Warning struct {
	File    string // as in [Error]
	Line    int    // as in [Error]
	Key     string // as in [Error]
	Message string // the suspicious setting and its remedy
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
