package bench

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Workload is the task of the participants of a comparison.
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
	OneByOne   = Workload{"receive-one-by-one", "Receive one at a time: each message is sent after the previous one is handled"}
	EndToEnd   = Workload{"end-to-end", "Send with 50 goroutines and receive at the same time"}
	Latency    = Workload{"latency", "Time from push to handler, at 1,000 messages per second"}
	Saturation = Workload{"latency-saturated", "Time from push to handler, with 50 messages always in flight"}
	Idle       = Workload{"idle", "A process that waits for empty queues"}
)

// Workloads returns all workloads in the order of a report.
func Workloads() []Workload {
	return []Workload{Send1, Send50, SendBatch, AtMost, AtLeast, OneByOne, EndToEnd, Latency, Saturation, Idle}
}

// Case is one participant with one workload and one size.
type Case struct {
	Workload    Workload
	Size        Size // without a name if the size is irrelevant
	Participant string
	// Quick reports whether the goals need the case.
	Quick bool

	measure func(ctx context.Context, s *stage, p pace) (Sample, error)
	// fixed reports whether the case itself chooses the number of messages.
	fixed bool
	// own reports whether the participant uses keys without this run's prefix. Such a
	// case is skipped on a Redis that others use.
	own bool
}

// Name returns the name that Select matches.
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

// Select returns the cases that match one of the patterns, or all without patterns. With
// quick, it returns only the cases that the goals need. In a pattern, * matches any text. A
// pattern that matches no case is an error.
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
