// Package report holds what a run of the harness saw. One run makes one Report;
// every other output is made from it.
package report

import (
	"slices"
	"time"
)

// Format is the version of the report's form, which the schema describes.
const Format = 1

// Report is one run.
type Report struct {
	Format int      `json:"format"`
	Tool   Software `json:"tool"`
	// Platform is where it ran: "linux/amd64, 2 CPUs".
	Platform string    `json:"platform"`
	Started  time.Time `json:"started"`
	Seconds  float64   `json:"seconds"`
	// Seed is what chance was made from, where there was any.
	Seed *uint64 `json:"seed,omitempty"`
	// Again is the command that plays a case again, before the flags that say which
	// and with whom; empty where there is none.
	Again           string           `json:"again,omitempty"`
	Servers         []Server         `json:"servers"`
	Implementations []Implementation `json:"implementations"`
	Cases           []Case           `json:"cases"`
	Results         []Result         `json:"results"`
	// Stale are the known deviations that did not occur although their cases
	// were played. A run that has any fails.
	Stale []StaleDeviation `json:"stale,omitempty"`
	// Skipped has the selected cases that did not run on any server. They are not in
	// Cases.
	Skipped []Skipped `json:"skipped,omitempty"`
}

// Skipped has the cases that were skipped for one reason.
type Skipped struct {
	Why   string   `json:"why"`
	Cases []string `json:"cases"`
}

// Skip adds a case to those that are skipped for the same reason. It adds no case
// twice: the next server may skip it, too.
func Skip(skipped []Skipped, why, id string) []Skipped {
	i := slices.IndexFunc(skipped, func(s Skipped) bool { return s.Why == why })
	if i < 0 {
		i = len(skipped)
		skipped = append(skipped, Skipped{Why: why})
	}
	if !slices.Contains(skipped[i].Cases, id) {
		skipped[i].Cases = append(skipped[i].Cases, id)
	}
	return skipped
}

// Software is a name and a version.
type Software struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Server is a Redis that cases ran on.
type Server struct {
	ID       string `json:"id"`       // "redis-7.0.15"; what Result.Server says
	Name     string `json:"name"`     // "redis", "valkey", "miniredis"
	Version  string `json:"version"`  // "7.0.15"
	Provider string `json:"provider"` // "local", "container", "embedded", "url"
	Image    string `json:"image,omitempty"`
}

// Implementation took part, as its adapter calls itself.
type Implementation struct {
	// ID is what results call it: the name and version, and what else tells it
	// from the others of this run ("remote_event_bundle-1.6-py3.11.7").
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Roles   []string          `json:"roles"`
	Details map[string]string `json:"details,omitempty"`
	// Original is whether it is a Python package that the specification
	// describes rather than an implementation of it.
	Original bool `json:"original,omitempty"`
	// VariantOf, if any, is the ID of the implementation that this is on other
	// versions of what it stands on.
	VariantOf string `json:"variant_of,omitempty"`
	// Flag is what has it take part: "--original remote_event_bundle-1.6".
	Flag string `json:"flag,omitempty"`
	// Problem is what is wrong with its adapter whatever is played: it does not
	// answer hello, or does not stop as the protocol says. A run with one fails.
	Problem string `json:"problem,omitempty"`
}

// Case is what was to be found out.
type Case struct {
	ID           string   `json:"id"`     // "wire/byte-order-mark"
	Family       string   `json:"family"` // "wire"
	About        string   `json:"about"`
	Requirements []string `json:"requirements"`
}

// Outcome is what became of a case.
type Outcome string

// The outcomes.
const (
	Passed      Outcome = "passed"      // as the specification demands
	Failed      Outcome = "failed"      // not so, and not known
	Errored     Outcome = "error"       // not found out: a crash, no answer in time, a fault of the harness, or not played
	Deviates    Outcome = "deviates"    // not so, and known: see Deviation
	Unsupported Outcome = "unsupported" // the implementation says that it has no way to do this
)

// Result is one case played by one implementation, or by a sender and a receiver.
type Result struct {
	Case   string `json:"case"`
	Server string `json:"server"`
	// Sender and Receiver are IDs of implementations. At least one is there; a
	// fleet of receivers is joined by " + ".
	Sender   string  `json:"sender,omitempty"`
	Receiver string  `json:"receiver,omitempty"`
	Outcome  Outcome `json:"outcome"`
	// Expected and Observed are one line each: "drops", "delivers {…}", "refuses".
	Expected string `json:"expected"`
	Observed string `json:"observed"`
	// Problems say what is wrong, one each.
	Problems []string `json:"problems,omitempty"`
	// FirstTry is what was observed first, where the case was played a second
	// time: alone and with a longer deadline.
	FirstTry string `json:"first_try,omitempty"`
	// Deviation is what is known of it, where the outcome is Deviates.
	Deviation *Deviation `json:"deviation,omitempty"`
	// Message is the raw message in Redis, cut after MaxMessage bytes.
	Message []byte `json:"message,omitempty"`
	// MessageBytes is its whole length.
	MessageBytes int `json:"message_bytes,omitempty"`
	// Trace is what was done and seen, in order. That of a result that passed is
	// shortened.
	Trace   []Step  `json:"trace,omitempty"`
	Seconds float64 `json:"seconds"`
}

// MaxMessage is how many bytes of a message a report holds.
const MaxMessage = 4096

// Stderr is Step.What where Data is a line that an adapter wrote to stderr.
const Stderr = "stderr"

// Step is a line of a trace.
type Step struct {
	Seconds float64 `json:"seconds"` // since the case began
	Who     string  `json:"who"`     // "harness", "redis", or an implementation's ID
	What    string  `json:"what"`    // "→ adapter", "← adapter", "stderr", "LPUSH e", "RPOP e", …
	Data    string  `json:"data"`    // text; bytes that are no UTF-8 are escaped as \xNN
}

// Kind is why a deviation stays.
type Kind string

// The kinds of deviations.
const (
	WontFix Kind = "wontfix"
	Bug     Kind = "bug"
	Flaky   Kind = "flaky" // may also pass: never stale
)

// Deviation is a known difference between an implementation and the specification.
type Deviation struct {
	Pattern  string `json:"pattern"`  // of case IDs, as in path.Match: "poison/*"
	Observed string `json:"observed"` // what Result.Observed begins with
	Kind     Kind   `json:"kind"`
	Why      string `json:"why"`
	Link     string `json:"link,omitempty"`
}

// StaleDeviation is a deviation that an implementation no longer shows.
type StaleDeviation struct {
	Implementation string `json:"implementation"`
	Deviation
}
