package live

import (
	"slices"
	"strings"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/go/wire"
)

// Select divides cases into cases that are safe for an application that listens to
// some signals, and skipped cases, by reason. The engine skips further cases
// that a shared Redis does not permit.
func Select(cases []suite.Case, listens []string, destructive bool) (selected []suite.Case, skipped []report.Skipped) {
	for i := range cases {
		if why := reason(&cases[i], listens, destructive); why != "" {
			skipped = report.Skip(skipped, why, cases[i].ID)
		} else {
			selected = append(selected, cases[i])
		}
	}
	return selected, skipped
}

// reason returns why a case is skipped, "" if it is selected.
func reason(c *suite.Case, listens []string, destructive bool) string {
	overheard := engine.Dispatched(c)
	overheard = slices.DeleteFunc(overheard, func(signal string) bool { return !slices.Contains(listens, signal) })
	switch {
	case c.Script != nil && slices.ContainsFunc(c.Script.Steps, func(step suite.Step) bool { return step.Do == "crash" }):
		return "they kill the process of an implementation"
	case c.Delivery != nil && c.Delivery.Disturbs, slices.ContainsFunc(overheard, wire.Reserved):
		return "they name signals of applauncher's kernel, at which the application itself would stop or start"
	case len(overheard) > 0:
		return "the application itself listens to " + strings.Join(overheard, " and ")
	case destructive:
		return ""
	case c.Destructive:
		return "they end a consumer of an original; --destructive runs them, on consumers of the probe"
	case c.Slow:
		return "they are big or long; --destructive runs them"
	}
	return ""
}
