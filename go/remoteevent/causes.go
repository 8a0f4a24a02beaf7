package remoteevent

import (
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/nilcheck"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// The limits within which a user's error is examined. Its methods may unwrap for
// ever, or to itself.
const (
	maxErrorDepth = 1000
	maxErrors     = 10_000
	maxErrorTexts = 50 // asked for
	maxCauses     = 5  // kept
	maxErrorText  = 2000
)

// causes are an error and what it was made from, in the order of errors.Is, so
// far as the limits let them be found.
type causes struct {
	nodes   []cause
	endless bool // they unwrap without an end: their texts may have none either
	partial bool // some were not looked at
}

// cause is an error with those that it unwraps to.
type cause struct {
	err   error
	depth int
	parts []int // their indexes
	quiet bool  // it may quote a payload, and is not shown
}

// causesOf walks through an error. It never runs into an endless chain, and its
// callers never hand such a chain to errors.Is or errors.As.
func causesOf(err error) *causes {
	c := new(causes)
	c.add(cause{err: err})
	return c
}

func (c *causes) add(n cause) int {
	index := len(c.nodes)
	c.nodes = append(c.nodes, n)
	for _, part := range unwrap(n.err) {
		if n.depth >= maxErrorDepth {
			c.endless = true
		}
		if c.endless || len(c.nodes) >= maxErrors {
			c.partial = true
			return index
		}
		child := c.add(cause{err: part, depth: n.depth + 1, quiet: n.quiet || quotes(n.err)})
		c.nodes[index].parts = append(c.nodes[index].parts, child)
	}
	return index
}

// unwrap returns what an error was made from. A method that panics has nothing
// to say.
func unwrap(err error) (parts []error) {
	_ = contain(func() {
		switch e := err.(type) { //nolint:errorlint // each cause has its turn
		case interface{ Unwrap() error }:
			parts = []error{e.Unwrap()}
		case interface{ Unwrap() []error }:
			parts = e.Unwrap()
		}
	})
	return slices.DeleteFunc(slices.Clone(parts), func(err error) bool { return err == nil })
}

// quotes reports whether the causes of an error, unlike its own text, may quote a
// payload.
func quotes(err error) bool {
	switch err.(type) { //nolint:errorlint // each cause has its turn
	case *PayloadError, *MalformedError, *RejectedError, *quotingError:
		return true
	}
	panicked, ok := err.(*PanicError) //nolint:errorlint // each cause has its turn
	return ok && panicked != nil && panicked.in != ""
}

// find returns the first cause of a type.
func find[E error](c *causes) (found E, ok bool) {
	for _, n := range c.nodes {
		if found, ok = n.err.(E); ok && !nilcheck.IsPointer(found) { //nolint:errorlint // each cause has its turn
			return found, true
		}
	}
	return found, false
}

// is reports what errors.Is does.
func (c *causes) is(target error) bool {
	return slices.ContainsFunc(c.nodes, func(n cause) (is bool) {
		_ = contain(func() {
			e, comparing := n.err.(interface{ Is(target error) bool })
			is = n.err == target || comparing && !quotes(n.err) && e.Is(target) //nolint:errorlint // each cause has its turn
		})
		return is
	})
}

// permanent reports whether another attempt would fail as well, as far as the
// cause with that index goes: it is marked so, or all that it was made from are.
func (c *causes) permanent(index int) bool {
	n := c.nodes[index]
	switch n.err.(type) { //nolint:errorlint // each cause has its turn
	case *permanentError, *PayloadError:
		return !nilcheck.IsPointer(n.err)
	}
	if c.partial && len(n.parts) > 1 {
		return false
	}
	return len(n.parts) > 0 && !slices.ContainsFunc(n.parts, func(part int) bool { return !c.permanent(part) })
}

// listeners returns the names of those that failed.
func (c *causes) listeners() (names []string) {
	for _, n := range c.nodes {
		if e, ok := n.err.(*listenerError); ok { //nolint:errorlint // each cause has its turn
			names = append(names, e.name)
		}
	}
	return names
}

// texts returns the text of the error, and those of its causes that say something
// else, outermost first. They are cut to what cannot quote a payload.
func (c *causes) texts() (text string, others []string) {
	raw := make([]string, min(len(c.nodes), maxErrorTexts))
	var cuts []string // pairs of a text and what is shown of it
	for i := range raw {
		raw[i] = textOf(c.nodes[i].err)
		if _, ok := c.nodes[i].err.(redis.Error); ok { //nolint:errorlint // each cause has its turn
			if shown := redaction.Reply(raw[i]); raw[i] != "" && shown != raw[i] {
				cuts = append(cuts, raw[i], shown)
			}
		}
	}
	show := strings.NewReplacer(cuts...).Replace
	last := ""
	for i, text := range raw {
		text = truncate(show(text), maxErrorText)
		switch {
		case c.nodes[i].quiet || text == last:
			continue
		case i > 0 && len(others) < maxCauses:
			others = append(others, text)
		}
		last = text
	}
	return truncate(show(raw[0]), maxErrorText), others
}
