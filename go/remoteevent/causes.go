package remoteevent

import (
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/nilcheck"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// The limits for examining a user's error. Its methods may unwrap endlessly, or to the
// error itself.
const (
	maxErrorDepth = 1000
	maxErrors     = 10_000
	maxErrorTexts = 50 // calls of Error
	maxCauses     = 5  // stored causes
	maxErrorText  = 2000
)

// causes is the tree of an error, in the order of errors.Is, up to the limits.
type causes struct {
	nodes   []cause
	endless bool // the tree has no end, so that texts may have none either
	partial bool // a part was not examined
}

// cause is an error in the tree.
type cause struct {
	err   error
	depth int
	parts []int // the indexes of the errors that it unwraps to
	quiet bool  // it may quote a payload, and must not be shown
}

// causesOf examines an error. It ends even for an endless tree. Its callers must not pass
// an endless tree to errors.Is or errors.As.
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

// unwrap returns the errors that an error wraps. It returns none if the method panics.
func unwrap(err error) (parts []error) {
	_ = contain(func() {
		switch e := err.(type) { //nolint:errorlint // causes visits each error separately
		case interface{ Unwrap() error }:
			parts = []error{e.Unwrap()}
		case interface{ Unwrap() []error }:
			parts = e.Unwrap()
		}
	})
	return slices.DeleteFunc(slices.Clone(parts), func(err error) bool { return err == nil })
}

// quotes reports whether the causes of an error may quote a payload although its own text
// does not.
func quotes(err error) bool {
	switch err.(type) { //nolint:errorlint // causes visits each error separately
	case *PayloadError, *MalformedError, *RejectedError, *quotingError:
		return true
	}
	panicked, ok := err.(*PanicError) //nolint:errorlint // causes visits each error separately
	return ok && panicked != nil && panicked.in != ""
}

// find returns the first cause of a type.
func find[E error](c *causes) (found E, ok bool) {
	for _, n := range c.nodes {
		if found, ok = n.err.(E); ok && !nilcheck.IsPointer(found) { //nolint:errorlint // causes visits each error separately
			return found, true
		}
	}
	return found, false
}

// is is errors.Is within the limits.
func (c *causes) is(target error) bool {
	return slices.ContainsFunc(c.nodes, func(n cause) (is bool) {
		_ = contain(func() {
			e, comparing := n.err.(interface{ Is(target error) bool })
			is = n.err == target || comparing && !quotes(n.err) && e.Is(target) //nolint:errorlint // causes visits each error separately
		})
		return is
	})
}

// permanent reports whether the cause with that index is permanent: it is marked as
// permanent, or all errors that it wraps are permanent.
func (c *causes) permanent(index int) bool {
	n := c.nodes[index]
	switch n.err.(type) { //nolint:errorlint // causes visits each error separately
	case *permanentError, *PayloadError:
		return !nilcheck.IsPointer(n.err)
	}
	if c.partial && len(n.parts) > 1 {
		return false
	}
	return len(n.parts) > 0 && !slices.ContainsFunc(n.parts, func(part int) bool { return !c.permanent(part) })
}

// delay returns the longest delay that [RetryAfter] sets in the cause with that index, or
// nil. A permanent error sets no delay.
func (c *causes) delay(index int) (longest *time.Duration) {
	if c.permanent(index) {
		return nil
	}
	n := c.nodes[index]
	if e, ok := n.err.(*retryAfterError); ok && e != nil { //nolint:errorlint // each cause has its turn
		longest = &e.delay
	}
	for _, part := range n.parts {
		if delay := c.delay(part); delay != nil && (longest == nil || *delay > *longest) {
			longest = delay
		}
	}
	return longest
}

// listeners returns the names of the failed listeners.
func (c *causes) listeners() (names []string) {
	for _, n := range c.nodes {
		if e, ok := n.err.(*listenerError); ok { //nolint:errorlint // causes visits each error separately
			names = append(names, e.name)
		}
	}
	return names
}

// texts returns the text of the error, and the different texts of its causes, outermost
// first. It truncates texts that may quote a payload.
func (c *causes) texts() (text string, others []string) {
	raw := make([]string, min(len(c.nodes), maxErrorTexts))
	var cuts []string // pairs of a text and its truncated form
	for i := range raw {
		raw[i] = textOf(c.nodes[i].err)
		if _, ok := c.nodes[i].err.(redis.Error); ok { //nolint:errorlint // causes visits each error separately
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
