// Package deadletter selects dead letters and changes them in batches, for the command and
// for the page.
package deadletter

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/remote-events/remote-events/go/internal/similar"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// Rule is a condition for dead letters.
type Rule struct {
	holds func(letter *queueadmin.DeadLetter) bool
	// reads reports whether the condition reads the message.
	reads bool
}

// Rules are conditions that must all hold.
type Rules []Rule

// Take reports whether a dead letter meets all conditions.
func (r Rules) Take(letter *queueadmin.DeadLetter) bool {
	return !slices.ContainsFunc(r, func(rule Rule) bool { return !rule.holds(letter) })
}

// WithoutMessage returns the conditions that hold or not without the message.
func (r Rules) WithoutMessage() Rules {
	return slices.DeleteFunc(slices.Clone(r), func(rule Rule) bool { return rule.reads })
}

var clauseForm = regexp.MustCompile(`(?s)^(event|reason|error|died) *(!=|=|<=|>=|<|>) *(.*)$`)

// ParseClause parses the condition of a --match.
func ParseClause(clause string, now time.Time) (Rule, error) {
	parts := clauseForm.FindStringSubmatch(clause)
	if parts == nil {
		word := wordForm.FindString(clause)
		if near := nearest(word, []string{"event", "reason", "error", "died"}); near != "" && near != word {
			return Rule{}, fmt.Errorf("unknown field %q; did you mean %s?", word, near)
		}
		return Rule{}, errors.New("it must begin with event, reason, error or died")
	}
	key, operator, value := parts[1], parts[2], parts[3]
	if key == "died" {
		return parseTimeRule(operator, value, now)
	}
	if operator != "=" && operator != "!=" {
		return Rule{}, fmt.Errorf("%s takes = or !=", key)
	}
	if key == "reason" && !strings.ContainsAny(value, "*?") && !slices.Contains(queueadmin.Codes(), queueadmin.Code(value)) {
		return Rule{}, unknownReason(value)
	}
	pattern := regexp.QuoteMeta(value)
	pattern = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(pattern)
	matcher, err := regexp.Compile(`(?s)\A` + pattern + `\z`)
	if err != nil {
		return Rule{}, errors.New("the pattern is not UTF-8")
	}
	return Rule{reads: key == "event", holds: func(letter *queueadmin.DeadLetter) bool {
		text := letter.Error
		switch key {
		case "event":
			text, _ = letter.Event()
		case "reason":
			text = string(letter.Code)
		}
		return matcher.MatchString(text) == (operator == "=")
	}}, nil
}

var wordForm = regexp.MustCompile(`^[a-z_]*`)

// unknownReason returns the error of a reason that does not exist.
func unknownReason(value string) error {
	var codes []string
	for _, code := range queueadmin.Codes() {
		codes = append(codes, string(code))
	}
	text := fmt.Sprintf("unknown reason %q; the reasons are %s", value, strings.Join(codes, ", "))
	if near := nearest(value, codes); near != "" {
		text = fmt.Sprintf("unknown reason %q; did you mean %s?", value, near)
	}
	return errors.New(text + " (for a code of a later version, use a pattern, such as new_cod*)")
}

// nearest returns the most similar word, or "" if none is similar.
func nearest(word string, words []string) string {
	return similar.Nearest(word, words, max(2, len(word)/3))
}

func parseTimeRule(operator, value string, now time.Time) (Rule, error) {
	at, err := ParseTime(value, now)
	if err != nil {
		return Rule{}, err
	}
	holds := map[string]func(order int) bool{
		"<":  func(order int) bool { return order < 0 },
		"<=": func(order int) bool { return order <= 0 },
		">":  func(order int) bool { return order > 0 },
		">=": func(order int) bool { return order >= 0 },
	}[operator]
	if holds == nil {
		return Rule{}, errors.New("died takes <, <=, > or >=")
	}
	return Rule{holds: func(letter *queueadmin.DeadLetter) bool { return holds(letter.Died.Compare(at)) }}, nil
}

// ParseTime parses a time in RFC 3339, a date, or an age such as -2h.
func ParseTime(text string, now time.Time) (time.Time, error) {
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
	return time.Time{}, errors.New("a time has the form 2026-11-24T03:00:00Z, 2026-11-24 (in UTC), or -2h for two hours ago")
}
