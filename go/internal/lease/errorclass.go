package lease

import (
	"strings"

	"github.com/redis/go-redis/v9"
)

// ErrorClass classifies errors by their remedy.
type ErrorClass int

const (
	// Passing errors need no remedy: a lost connection, or a server that is loading,
	// failing over, migrating a slot or busy with a script.
	Passing ErrorClass = iota
	// Full means that Redis is at maxmemory and denies commands that need memory.
	Full
	// Denied means that an ACL denies a command or key.
	Denied
	// WrongType means that a key of the queue has another type.
	WrongType
	// Unauthenticated means a missing or wrong user name or password.
	Unauthenticated
)

// ClassOf classifies an error. All classes may be retried later.
func ClassOf(err error) ErrorClass {
	if err == nil {
		return Passing
	}
	is := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if redis.HasErrorPrefix(err, p) {
				return true
			}
		}
		return false
	}
	text := err.Error()
	switch {
	case is("NOAUTH", "WRONGPASS"), strings.Contains(text, "NOAUTH "), strings.Contains(text, "WRONGPASS "), // wrapped while connecting
		strings.Contains(text, "unauthenticated multibulk length"), strings.Contains(text, "unauthenticated bulk length"):
		return Unauthenticated
	case is("NOPERM"), strings.Contains(text, "ACL failure in script"),
		strings.Contains(text, "The user executing the script can't"):
		return Denied
	case is("WRONGTYPE"), strings.Contains(text, "WRONGTYPE "):
		return WrongType
	case is("OOM"), strings.Contains(text, "OOM command not allowed"):
		return Full
	}
	return Passing
}

func isUnknownCommand(err error) bool {
	return err != nil && strings.Contains(strings.ToLower(err.Error()), "unknown command")
}
