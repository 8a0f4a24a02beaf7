package engine

import (
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/adapter"
)

// The secrets of scenarios. Every payload has the first one, also in the cases of
// malformed messages, and every password the second one.
const (
	payloadSecret  = "PayloadOfTheHarness"
	passwordSecret = "PasswordOfTheHarness"
)

// password is a password with characters that a URL must encode.
const password = "p@:/%" + passwordSecret + "?#&"

func secrets() []adapter.Secret {
	return []adapter.Secret{{Name: "a payload", Text: payloadSecret}, {Name: "the password of REDIS_URL", Text: passwordSecret}}
}

// secretive returns an error if a process has written a payload or a password. The
// processes must have ended.
func (s *scenario) secretive() error {
	var leaks []string
	for _, a := range s.processes {
		if searched, ok := a.Process.(interface{ Leaked() []string }); ok {
			leaks = union(leaks, searched.Leaked()...)
		}
	}
	if len(leaks) == 0 {
		return nil
	}
	slices.Sort(leaks)
	return wrong("it wrote %s (SEC-1, RECV-10)", strings.Join(leaks, ", and "))
}
