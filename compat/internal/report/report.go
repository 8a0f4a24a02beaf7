// Package report defines the report of a run of the harness and writes it as text, Markdown,
// HTML, JUnit XML and a badge.
package report

import (
	"slices"
	"strings"
	"time"
)

// Format is the version of the JSON format, which schemas/report.schema.json describes.
const Format = 1

// Report is one run.
type Report struct {
	Format int      `json:"format"`
	Tool   Software `json:"tool"`
	// SuiteVersion and Specification are the versions of the cases in spec/manifest.json.
	// They are empty in reports of programs that do not know them.
	SuiteVersion  string `json:"suite_version,omitempty"`
	Specification string `json:"specification,omitempty"`
	// Platform is the platform of the run: "linux/amd64, 2 CPUs".
	Platform string    `json:"platform"`
	Started  time.Time `json:"started"`
	Seconds  float64   `json:"seconds"`
	// Seed is the seed of generated messages, if any.
	Seed *uint64 `json:"seed,omitempty"`
	// Again is the command that runs a case again, without the flags that select case
	// and implementations. It is empty if there is none.
	Again           string           `json:"again,omitempty"`
	Servers         []Server         `json:"servers"`
	Implementations []Implementation `json:"implementations"`
	Cases           []Case           `json:"cases"`
	Results         []Result         `json:"results"`
	// Stale has the known deviations that did not occur although their cases ran. A run
	// with any fails.
	Stale []StaleDeviation `json:"stale,omitempty"`
	// Skipped has the selected cases that did not run on any server. They are not in
	// Cases.
	Skipped []Skipped `json:"skipped,omitempty"`
	// Conformance has the verdicts of Conformances, for other programs. Write sets it.
	Conformance []Conformance `json:"conformance,omitempty"`
}

// Versions returns the versions of a suite and of a specification for people: "suite 1.0.0,
// specification 1.0". An empty version is left out.
func Versions(suite, specification string) string {
	var parts []string
	if suite != "" {
		parts = append(parts, "suite "+suite)
	}
	if specification != "" {
		parts = append(parts, "specification "+specification)
	}
	return strings.Join(parts, ", ")
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

// Server is a Redis on which cases ran.
type Server struct {
	ID       string `json:"id"`       // "redis-7.0.15", as in Result.Server
	Name     string `json:"name"`     // "redis", "valkey", "miniredis"
	Version  string `json:"version"`  // "7.0.15"
	Provider string `json:"provider"` // "local", "container", "embedded", "url"
	Image    string `json:"image,omitempty"`
}

// Implementation is a participant, with the identity of its adapter.
type Implementation struct {
	// ID identifies it in results: name and version, and the details that distinguish
	// it from the others of this run ("remote_event_bundle-1.6-py3.11.7").
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Classes []string          `json:"classes"` // that it claims
	Details map[string]string `json:"details,omitempty"`
	// Original reports whether it is a Python package that the specification describes,
	// and not an implementation of the specification.
	Original bool `json:"original,omitempty"`
	// VariantOf is the ID of the same implementation on other versions of its
	// dependencies, if any.
	VariantOf string `json:"variant_of,omitempty"`
	// Flag is the flag that selects it: "--original remote_event_bundle-1.6".
	Flag string `json:"flag,omitempty"`
	// Problem describes a problem of the adapter that concerns every case: it does not
	// answer hello, or does not stop as the protocol requires. A run with a problem fails.
	Problem string `json:"problem,omitempty"`
}

// Case is one test.
type Case struct {
	ID           string   `json:"id"`     // "wire/byte-order-mark"
	Family       string   `json:"family"` // "wire"
	About        string   `json:"about"`
	Requirements []string `json:"requirements"`
}

// Outcome is the outcome of a case.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed" // conforms to the specification
	Failed  Outcome = "failed" // violates it, and is not a known deviation
	Errored Outcome = "error"  // not known: a crash, or a fault of the harness
	// Inconclusive is not known either: a deadline passed, and the machine may be the cause.
	Inconclusive Outcome = "inconclusive"
	Deviates     Outcome = "deviates"    // violates it, and is a known deviation
	Unsupported  Outcome = "unsupported" // the implementation does not have the feature
)

// Result is the result of one case with one implementation, or with a sender and a receiver.
type Result struct {
	Case   string `json:"case"`
	Server string `json:"server"`
	// Sender and Receiver are IDs of implementations. At least one is not empty. The IDs
	// of a fleet of receivers are joined by " + ".
	Sender   string `json:"sender,omitempty"`
	Receiver string `json:"receiver,omitempty"`
	// Reliable is whether the receiver was asked to deliver at least once.
	Reliable bool `json:"reliable,omitempty"`
	// Request is the request if it is neither send nor receive: "evaluate". Then Receiver
	// is the implementation that evaluates.
	Request string  `json:"request,omitempty"`
	Outcome Outcome `json:"outcome"`
	// Expected and Observed are one line each: "drops", "delivers {…}", "rejects".
	Expected string `json:"expected"`
	Observed string `json:"observed"`
	// Problems has one text for each problem.
	Problems []string `json:"problems,omitempty"`
	// Requirements has the requirements that the result shows. The default is the
	// requirements of the case.
	Requirements []string `json:"requirements,omitempty"`
	// FirstTry is the observation of the first try if there was a second one. The second
	// try runs alone and has a longer deadline.
	FirstTry string `json:"first_try,omitempty"`
	// Deviation is the known deviation, if the outcome is Deviates.
	Deviation *Deviation `json:"deviation,omitempty"`
	// Message is the raw message in Redis, cut after MaxMessage bytes.
	Message []byte `json:"message,omitempty"`
	// MessageBytes is its whole length.
	MessageBytes int `json:"message_bytes,omitempty"`
	// Trace has the steps and lines of the case in order. It is shortened if the case
	// passed.
	Trace   []Step  `json:"trace,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Tests returns the requirements that the result shows of its case.
func (r *Result) Tests(c *Case) []string {
	if r.Requirements != nil {
		return r.Requirements
	}
	return c.Requirements
}

// evaluate is the Request of a result if the implementation evaluated its case.
const evaluate = "evaluate"

// MaxMessage is the maximum number of bytes of a message in a report.
const MaxMessage = 4096

// Stderr is the value of Step.What if Data is a line that an adapter wrote to stderr.
const Stderr = "stderr"

// Step is a line of a trace.
type Step struct {
	Seconds float64 `json:"seconds"` // since the case began
	Who     string  `json:"who"`     // "harness", "redis", or an implementation's ID
	What    string  `json:"what"`    // "→ adapter", "← adapter", "stderr", "LPUSH e", "RPOP e", …
	Data    string  `json:"data"`    // text; bytes that are not UTF-8 are escaped as \xNN
}

// Kind is the reason for a deviation.
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
	Observed string `json:"observed"` // the beginning of Result.Observed
	Kind     Kind   `json:"kind"`
	Why      string `json:"why"`
	Link     string `json:"link,omitempty"`
}

// StaleDeviation is a deviation that an implementation no longer shows.
type StaleDeviation struct {
	Implementation string `json:"implementation"`
	Deviation
}
