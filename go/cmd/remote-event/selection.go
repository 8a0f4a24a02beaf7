package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// matchHelp explains --match.
const matchHelp = `--match takes one of these, and all that are given must hold. In a PATTERN, * is any
text and ? any character; a TIME is of RFC 3339, a date, or so long ago, such as -2h.

  event=PATTERN   event!=PATTERN   the event's name; empty where it cannot be decoded
  reason=PATTERN  reason!=PATTERN  failed, panicked, permanent, malformed, schema,
                                   expired or imported
  error=PATTERN   error!=PATTERN   the error, in words
  died<TIME  died<=TIME  died>TIME  died>=TIME`

// selection says which dead letters a verb is about.
type selection struct {
	ids     []string
	clauses []string // of --match
	all     bool

	rules []rule
}

// rule is what a --match demands.
type rule func(letter *remoteevent.DeadLetter) bool

// register adds the flags; all are to be asked for by name where a verb changes
// something.
func (s *selection) register(command *cobra.Command, changes bool) {
	flags := command.Flags()
	flags.StringArrayVar(&s.ids, "id", nil, "the dead letter with this `ID`; repeatable (default all)")
	flags.StringArrayVar(&s.clauses, "match", nil, "those for which `CLAUSE` holds; repeatable (default all)")
	command.MarkFlagsMutuallyExclusive("id", "match")
	if changes {
		flags.BoolVar(&s.all, "all", false, "all of them (default false)")
		command.MarkFlagsMutuallyExclusive("id", "all")
		command.MarkFlagsMutuallyExclusive("match", "all")
		command.MarkFlagsOneRequired("id", "match", "all")
	}
}

// prepare reads the clauses.
func (s *selection) prepare(now time.Time) error {
	s.ids = slices.Compact(slices.Sorted(slices.Values(s.ids))) // by age
	for _, clause := range s.clauses {
		r, err := parseClause(clause, now)
		if err != nil {
			return withHint(usageError(fmt.Sprintf("--match %q: %v", clause, err)), "event=new_*, reason=schema, 'died<2026-11-24T03:00:00Z'")
		}
		s.rules = append(s.rules, r)
	}
	return nil
}

var clauseForm = regexp.MustCompile(`(?s)^(event|reason|error|died) *(!=|=|<=|>=|<|>) *(.*)$`)

func parseClause(clause string, now time.Time) (rule, error) {
	parts := clauseForm.FindStringSubmatch(clause)
	if parts == nil {
		return nil, errors.New("it is about event, reason, error or died")
	}
	key, operator, value := parts[1], parts[2], parts[3]
	if key == "died" {
		return parseTimeRule(operator, value, now)
	}
	if operator != "=" && operator != "!=" {
		return nil, fmt.Errorf("%s takes = or !=", key)
	}
	pattern := regexp.QuoteMeta(value)
	pattern = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(pattern)
	matcher, err := regexp.Compile(`(?s)\A` + pattern + `\z`)
	if err != nil {
		return nil, errors.New("the pattern is not UTF-8")
	}
	return func(letter *remoteevent.DeadLetter) bool {
		text := letter.Error
		switch key {
		case "event":
			text, _ = letter.Event()
		case "reason":
			text = letter.Code
		}
		return matcher.MatchString(text) == (operator == "=")
	}, nil
}

func parseTimeRule(operator, value string, now time.Time) (rule, error) {
	at, err := parseTime(value, now)
	if err != nil {
		return nil, err
	}
	holds := map[string]func(order int) bool{
		"<":  func(order int) bool { return order < 0 },
		"<=": func(order int) bool { return order <= 0 },
		">":  func(order int) bool { return order > 0 },
		">=": func(order int) bool { return order >= 0 },
	}[operator]
	if holds == nil {
		return nil, errors.New("died takes <, <=, > or >=")
	}
	return func(letter *remoteevent.DeadLetter) bool { return holds(letter.Died.Compare(at)) }, nil
}

func parseTime(text string, now time.Time) (time.Time, error) {
	if strings.HasPrefix(text, "-") {
		if ago, err := time.ParseDuration(text); err == nil {
			return now.Add(ago), nil
		}
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("a time is like 2026-11-24T03:00:00Z, 2026-11-24 (in UTC), or -2h for two hours ago")
}

func (s *selection) takes(letter *remoteevent.DeadLetter) bool {
	return !slices.ContainsFunc(s.rules, func(r rule) bool { return !r(letter) })
}

// errNoLetter is the error where nothing was selected.
var errNoLetter = &exitError{exitNothing, errors.New("no such dead letter")}

// letters returns the dead letters of queues that are selected, in the order of
// their deaths in each queue. It ends with the first error, and that there is none
// is one.
func (s *selection) letters(ctx context.Context, queues *queues) iter.Seq2[remoteevent.DeadLetter, error] {
	return func(yield func(remoteevent.DeadLetter, error) bool) {
		if len(s.ids) > 0 {
			s.named(ctx, queues, yield)
			return
		}
		some := false
		for _, q := range queues.all {
			for letter, err := range q.DeadLetters(ctx) {
				if err != nil {
					yield(letter, fmt.Errorf("queue %s: %w", visible(q.Name()), err))
					return
				}
				if s.takes(&letter) {
					some = true
					if !yield(letter, nil) {
						return
					}
				}
			}
		}
		if !some {
			yield(remoteevent.DeadLetter{}, errNoLetter)
		}
	}
}

// named yields the dead letters that --id names.
func (s *selection) named(ctx context.Context, queues *queues, yield func(remoteevent.DeadLetter, error) bool) {
	for _, id := range s.ids {
		some := false
		for _, q := range queues.all {
			letter, found, err := q.DeadLetter(ctx, id)
			if err != nil {
				yield(letter, fmt.Errorf("queue %s: %w", visible(q.Name()), err))
				return
			}
			if found {
				some = true
				if !yield(letter, nil) {
					return
				}
			}
		}
		if !some {
			yield(remoteevent.DeadLetter{}, &exitError{exitNothing, fmt.Errorf("no dead letter has the id %q", id)})
			return
		}
	}
}
