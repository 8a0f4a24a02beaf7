package bench

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Workload is what the participants of a comparison do.
type Workload struct {
	Name  string
	Title string
}

// The workloads.
var (
	Send1      = Workload{"send-1", "Send, one goroutine"}
	Send50     = Workload{"send-50", "Send, 50 goroutines"}
	SendBatch  = Workload{"send-batch", "Send batches of 1,000"}
	AtMost     = Workload{"receive-at-most-once", "Receive at most once"}
	AtLeast    = Workload{"receive-at-least-once", "Receive at least once"}
	OneByOne   = Workload{"receive-one-by-one", "Receive one at a time: each message is sent when the one before is handled"}
	EndToEnd   = Workload{"end-to-end", "Send with 50 goroutines and receive at the same time"}
	Latency    = Workload{"latency", "Time from push to handler, at 1,000 messages a second"}
	Saturation = Workload{"latency-saturated", "Time from push to handler, with 50 messages always under way"}
	Idle       = Workload{"idle", "A process that waits at empty queues"}
)

// Workloads returns all workloads in the order of a report.
func Workloads() []Workload {
	return []Workload{Send1, Send50, SendBatch, AtMost, AtLeast, OneByOne, EndToEnd, Latency, Saturation, Idle}
}

// Case is one participant with one workload and one size.
type Case struct {
	Workload    Workload
	Size        Size // without a name where the size does not matter
	Participant string
	// Quick marks the cases that the goals need.
	Quick bool

	measure func(ctx context.Context, s *stage, p pace) (Sample, error)
	// fixed says that the case decides for itself how many messages it moves.
	fixed bool
	// own says that the participant has keys outside of this run's prefix, and so
	// is not for a Redis that others use.
	own bool
}

// Name is the case's name, as Select matches it.
func (c Case) Name() string {
	parts := []string{c.Workload.Name, c.Size.Name, c.Participant}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "/")
}

// Cases returns all cases.
func Cases() []Case {
	all := slices.Concat(sendCases(), receiveCases(), endToEndCases(), latencyCases(), idleCases())
	for i := range all {
		all[i].Quick = needed(all[i].Name())
	}
	return all
}

// Select returns the cases that one of the patterns matches, or all where there
// is no pattern; quick leaves those that the goals need. In a pattern, * is any
// text. A pattern that matches no case is an error.
func Select(cases []Case, quick bool, patterns ...string) ([]Case, error) {
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	var matchers []*regexp.Regexp
	for _, pattern := range patterns {
		matcher := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
		if !slices.ContainsFunc(cases, func(c Case) bool { return matcher.MatchString(c.Name()) }) {
			return nil, fmt.Errorf("no case matches %q; `compat bench --list` prints them", pattern)
		}
		matchers = append(matchers, matcher)
	}
	var selected []Case
	for _, c := range cases {
		if (!quick || c.Quick) && slices.ContainsFunc(matchers, func(m *regexp.Regexp) bool { return m.MatchString(c.Name()) }) {
			selected = append(selected, c)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("no case of the quick run matches %q", patterns)
	}
	return selected, nil
}
