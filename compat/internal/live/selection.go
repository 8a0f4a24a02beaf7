package live

import (
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/go/wire"
)

// Select divides cases into those that may be played with an application that
// listens to some signals, and those that are left out, by the reason. The
// engine leaves out what others' Redis does not permit.
func Select(cases []suite.Case, listens []string, destructive bool) (selected []suite.Case, left []report.LeftOut) {
	for i := range cases {
		if why := reason(&cases[i], listens, destructive); why != "" {
			left = report.LeaveOut(left, why, cases[i].ID)
		} else {
			selected = append(selected, cases[i])
		}
	}
	return selected, left
}

// reason is why a case is left out, "" where it is played.
func reason(c *suite.Case, listens []string, destructive bool) string {
	heard := engine.Dispatched(c)
	heard = slices.DeleteFunc(heard, func(signal string) bool { return !slices.Contains(listens, signal) })
	switch {
	case c.Play != nil && slices.ContainsFunc(c.Play.Steps, func(step suite.Step) bool { return step.Do == "crash" }):
		return "they kill the process of an implementation"
	case c.Delivery != nil && c.Delivery.Disturbs, slices.ContainsFunc(heard, wire.Reserved):
		return "they name signals of applauncher's kernel, at which the application itself would stop or start"
	case len(heard) > 0:
		return "the application itself listens to " + strings.Join(heard, " and ")
	case destructive:
		return ""
	case c.Destructive:
		return "they end a consumer of an original; --destructive plays them, on consumers of the probe"
	case c.Slow:
		return "they are big or long; --destructive plays them"
	}
	return ""
}
