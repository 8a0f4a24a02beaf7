package lease

import (
	"strings"

	"github.com/redis/go-redis/v9"
)

// Trouble tells errors apart by what helps.
type Trouble int

const (
	// Passing errors pass by themselves: a lost connection, a server that
	// loads, fails over, moves a slot, or is busy with a script.
	Passing Trouble = iota
	// Full is a Redis at its maxmemory, which refuses what needs memory.
	Full
	// Denied needs another user or another rule.
	Denied
	// WrongType is a key that somebody else uses for something else.
	WrongType
	// Unauthenticated needs another name or password: no rule helps.
	Unauthenticated
)

// TroubleOf tells an error apart. Whatever it is, trying again later is right.
func TroubleOf(err error) Trouble {
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
