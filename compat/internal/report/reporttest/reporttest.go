// Package reporttest makes reports for tests: a small one with known lines, and one of the
// size of a full run.
package reporttest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/spec"
)

// Started is the start of all these runs.
var Started = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)

// Hostile is text that tries to end a script, a quote, a table or a paragraph, and to change
// the direction of a line.
const Hostile = "</script><script>alert(1)</script><!-- ]]> \"'`|*_<b>&amp;\u2028\u2029\x00\x1b[31m\u202eevil\u202c\nnext"

// Small returns a report with each outcome, each combination of parties, and hostile text.
func Small() *report.Report {
	const (
		library = "remote-event-devel"
		old     = "remote_event_bundle-1.1-py3.11.7"
		last    = "remote_event_bundle-1.6-py3.11.7"
		server  = "redis-7.0.15"
	)
	plain := []byte(`{"data": {}, "signals": ["e", "remote_event", "event"]}`)
	dies := report.Deviation{Pattern: "poison/*", Observed: "dies", Kind: report.WontFix, Why: "any exception ends the thread of an original's queue", Link: "https://example.org/poison"}
	fails := report.Result{
		Case: "wire/byte-order-mark", Server: server, Receiver: library, Outcome: report.Failed,
		Expected: "drops", Observed: "delivers {}", Problems: []string{"the listener of e was called, and must not be", Hostile},
		Message: append([]byte("\xef\xbb\xbf\xff"), plain...), MessageBytes: len(plain) + 4, Seconds: 0.0021,
		Trace: []report.Step{
			{Who: "harness", What: "LPUSH e", Data: "\uFEFF\\xff" + string(plain)},
			{Seconds: 0.0012, Who: library, What: "← adapter", Data: `{"op":"event","signal":"e","event_name":"e","signals":["e","remote_event","event"],"payload_text":"{}"}`},
			{Seconds: 0.002, Who: library, What: "← adapter", Data: Hostile},
		},
	}
	seed := uint64(18446744073709551615)
	return &report.Report{
		Format: report.Format, Tool: report.Software{Name: "compat", Version: "devel"}, Platform: "linux/amd64, 2 CPUs",
		SuiteVersion: "1.2.0", Specification: "1.0",
		Started: Started, Seconds: 12.25, Seed: &seed,
		Servers: []report.Server{
			{ID: server, Name: "redis", Version: "7.0.15", Provider: "local"},
			{ID: "valkey-8.1.8", Name: "valkey", Version: "8.1.8", Provider: "container", Image: "valkey/valkey:8"},
		},
		Implementations: []report.Implementation{
			{ID: library, Name: "remote-event", Version: "devel", Classes: []string{"legacy-safe sender", "receiver"}, Details: map[string]string{"go": "1.26.0"}},
			{ID: old, Name: "remote_event_bundle", Version: "1.1", Classes: []string{"sender", "receiver"}, Original: true, Details: map[string]string{"python": "3.11.7", "applauncher": "1.44", "redis": "3.5.3"}},
			{ID: last, Name: "remote_event_bundle", Version: "1.6", Classes: []string{"sender", "receiver"}, Original: true, Details: map[string]string{"python": "3.11.7", "applauncher": "1.44", "redis": "3.5.3"}},
			{ID: "broken", Name: "broken", Classes: []string{}, Flag: "--impl broken", Problem: "hello: the adapter has ended: exit status 1; stderr ends with:\n    no module named redis"},
			{ID: "mine|<1>-", Name: "mine|<1>", Classes: []string{"sender"}, Details: map[string]string{"note": Hostile}},
		},
		Cases: []report.Case{
			{ID: "wire/byte-order-mark", Family: "wire", About: "byte order mark", Requirements: []string{"JSON-1", "RECV-3"}},
			{ID: "wire/the-plainest", Family: "wire", About: "the plainest", Requirements: []string{"PLAIN-10", "PLAIN-2", "SIGN-1"}},
			{ID: "payload/numbers", Family: "payload", About: "numbers of each kind", Requirements: []string{"JSON-6"}},
			{ID: "metadata/kept", Family: "metadata", About: "metadata arrives", Requirements: []string{"META-1"}},
			{ID: "fleet/each-once", Family: "fleet", About: "two receivers, and each message once", Requirements: nil},
		},
		Results: []report.Result{
			{Case: "wire/the-plainest", Server: server, Receiver: library, Outcome: report.Passed, Expected: "delivers {}", Observed: "delivers {}", Message: plain, MessageBytes: len(plain), Seconds: 0.001},
			{Case: "wire/the-plainest", Server: server, Receiver: old, Outcome: report.Passed, Expected: "delivers {}", Observed: "delivers {}", Message: plain, MessageBytes: len(plain), Seconds: 0.001},
			fails,
			{Case: "wire/byte-order-mark", Server: server, Receiver: old, Outcome: report.Deviates, Expected: "drops", Observed: "dies: JSONDecodeError", Problems: []string{"the queue e is no longer consumed"}, Deviation: &dies, Message: fails.Message, MessageBytes: fails.MessageBytes, Trace: fails.Trace[:1], Seconds: 0.004},
			{Case: "wire/byte-order-mark", Server: "valkey-8.1.8", Receiver: last, Outcome: report.Deviates, Expected: "drops", Observed: "dies: JSONDecodeError", Deviation: &dies, Message: fails.Message, MessageBytes: fails.MessageBytes, Seconds: 0.004},
			{Case: "payload/numbers", Server: server, Sender: library, Receiver: old, Outcome: report.Passed, Expected: "delivers {…}", Observed: "delivers {…}", Message: plain, MessageBytes: 1 << 20, Seconds: 0.01},
			{Case: "payload/numbers", Server: server, Sender: library, Receiver: last, Outcome: report.Passed, Expected: "delivers {…}", Observed: "delivers {…}", Message: plain, MessageBytes: 1 << 20, Seconds: 0.01},
			{Case: "payload/numbers", Server: server, Sender: "mine|<1>-", Receiver: old, Outcome: report.Failed, Expected: "delivers {…}", Observed: Hostile, Problems: []string{"its payload is another"}, Message: []byte(Hostile), MessageBytes: len(Hostile), Seconds: 0.01},
			{Case: "payload/numbers", Server: server, Sender: "mine|<1>-", Receiver: last, Outcome: report.Failed, Expected: "delivers {…}", Observed: Hostile, Problems: []string{"its payload is another"}, Message: []byte(Hostile), MessageBytes: len(Hostile), Seconds: 0.01},
			{Case: "metadata/kept", Server: server, Sender: last, Outcome: report.Unsupported, Expected: "sends", Observed: "unsupported: the original sends no metadata", Seconds: 0.001},
			{Case: "metadata/kept", Server: server, Sender: library, Outcome: report.Passed, Expected: "sends", Observed: "sends", Message: plain, MessageBytes: len(plain), Seconds: 0.001},
			{Case: "fleet/each-once", Server: server, Sender: library, Receiver: library + " + " + last, Outcome: report.Passed, Expected: "each once", Observed: "each once", Seconds: 0.2},
			{
				Case: "wire/the-plainest", Server: server, Receiver: last, Outcome: report.Errored, Expected: "delivers {}",
				Observed: "fault: the adapter does not answer: no canary within 20s, 2 messages are left in the list", FirstTry: "fault: the adapter does not answer: no canary within 5s, 2 messages are left in the list",
				Problems: []string{"the adapter does not answer: no canary within 20s, 2 messages are left in the list", "two lines:\n  " + Hostile},
				Message:  plain, MessageBytes: len(plain), Seconds: 20.1,
				Trace: []report.Step{
					{Who: "redis", What: "LPUSH e", Data: string(plain)},
					{Seconds: 0.1, Who: last, What: report.Stderr, Data: "Traceback: " + Hostile},
				},
			},
		},
		Skipped: []report.Skipped{{Why: "the application itself listens to " + Hostile, Cases: []string{"wire/skipped", Hostile}}},
		Stale: []report.StaleDeviation{
			{Implementation: last, Deviation: report.Deviation{Pattern: "wire/array", Observed: "delivers", Kind: report.Bug, Why: "was so once"}},
		},
	}
}

// payloads are the groups of cases that each sender of Large sends to each receiver.
var payloads = []string{"integers", "floats", "strings", "names", "nesting", "unicode", "empty", "escapes", "large", "dates"}

// Large returns a report of the size of a full run: the vectors of the specification with 20
// implementations, and 50 payloads from each to each, all multiplied by times. A few results
// are unexpected.
func Large(times int) *report.Report {
	vectors, err := spec.MessageVectors()
	if err != nil {
		panic(err) // the embedded vectors are valid
	}
	chance := rand.New(rand.NewPCG(1, 2))
	r := Small()
	r.Cases, r.Results, r.Stale, r.Skipped, r.Implementations, r.Servers = nil, nil, nil, nil, r.Implementations[:1], r.Servers[:1]
	r.Seconds = 431.7
	add := func(name, version, suffix string, details map[string]string) {
		r.Implementations = append(r.Implementations, report.Implementation{
			ID: name + "-" + version + suffix, Name: name, Version: version, Classes: []string{"legacy-safe sender", "receiver"},
			Original: name == "remote_event_bundle", Details: details,
		})
	}
	add("remote-event-node", "0.1.0", "", map[string]string{"node": "20.1.0"})
	add("remote-event-python", "0.1.0", "", map[string]string{"python": "3.12.1"})
	for _, version := range []string{"0.1", "0.2", "1.1", "1.3", "1.4", "1.5", "1.6"} {
		add("remote_event_bundle", version, "-py3.11.7", map[string]string{"python": "3.11.7", "applauncher": "1.44", "redis": "3.5.3"})
	}
	for _, python := range []string{"3.8.18", "3.12.1", "3.13.0", "pypy3.9"} {
		for _, client := range []string{"2.10.6", "5.0.8"} {
			add("remote_event_bundle", "1.6", "-py"+strings.TrimPrefix(python, "py")+"-redis"+client, map[string]string{"python": python, "applauncher": "1.44", "redis": client})
		}
	}
	add("remote_event_bundle", "1.6", "-applauncher1.42", map[string]string{"python": "3.11.7", "applauncher": "1.42", "redis": "3.5.3"})
	add("remote_event_bundle", "1.6", "-applauncher1.43", map[string]string{"python": "3.11.7", "applauncher": "1.43", "redis": "3.5.3"})
	server := r.Servers[0].ID

	for round := range times {
		for _, v := range vectors {
			id := v.ID
			if round > 0 {
				id += fmt.Sprintf(".%d", round)
			}
			r.Cases = append(r.Cases, report.Case{ID: id, Family: v.Family(), About: v.About, Requirements: v.Requirements})
			for n, i := range r.Implementations {
				r.Results = append(r.Results, received(chance, id, server, i, v, n == 1 && chance.IntN(40) == 0))
			}
		}
		for n := range 50 {
			id := fmt.Sprintf("payload/%s-%d", payloads[n%len(payloads)], round*5+n/len(payloads))
			r.Cases = append(r.Cases, report.Case{ID: id, Family: "payload", About: "a payload of " + payloads[n%len(payloads)], Requirements: []string{"JSON-6", "WIRE-1", fmt.Sprintf("TYPE-%d", n%9+1)}})
			for s, sender := range r.Implementations {
				message := fmt.Appendf(nil, `{"data": {"a": %d, "path": "/uploads/vidéo%d.mp4"}, "signals": ["e", "remote_event", "event"], "metadata": {"id": "%d"}}`, n, n, s)
				for _, receiver := range r.Implementations {
					r.Results = append(r.Results, paired(chance, id, server, sender, receiver, message, s == 1 && n == 7))
				}
			}
		}
	}
	return r
}

func received(chance *rand.Rand, id, server string, i report.Implementation, v spec.MessageVector, fails bool) report.Result {
	does := map[string]string{"safe": "delivers {}", "tolerated": "delivers {}", "malformed": "drops"}[v.Verdict]
	result := report.Result{
		Case: id, Server: server, Receiver: i.ID, Outcome: report.Passed, Expected: does, Observed: does,
		Message: v.Message.Head(report.MaxMessage), MessageBytes: v.Message.Len(), Seconds: chance.Float64() / 100,
	}
	switch {
	case fails:
		result.Outcome, result.Observed = report.Failed, "delivers {\"a\": null}"
		result.Problems = []string{"the payload that the listener got is another", "the message is to be kept as a dead letter, and is not"}
	case i.Original && v.Legacy != "delivers":
		result.Outcome, result.Observed = report.Deviates, v.Legacy
		result.Deviation = &report.Deviation{Pattern: "poison/*", Observed: v.Legacy, Kind: report.WontFix, Why: "any exception ends the thread of an original's queue"}
		result.Problems = []string{"the queue e is no longer consumed: JSONDecodeError: Expecting value: line 1 column 1 (char 0)"}
	default:
		result.Trace = delivered(chance, i.ID, result.Message)
		return result
	}
	result.Trace = []report.Step{
		{Who: "harness", What: "→ adapter", Data: `{"op":"receive","id":1,"queues":["e"],"signals":["e","p","remote_event","event"]}`},
		{Seconds: chance.Float64() / 100, Who: i.ID, What: "← adapter", Data: `{"op":"ready","id":1}`},
		{Seconds: 0.01, Who: "harness", What: "LPUSH e", Data: string(result.Message[:min(len(result.Message), 200)])},
		{Seconds: 0.011, Who: "harness", What: "LPUSH e", Data: `{"data": {"canary": 1}, "signals": ["e", "remote_event", "event"]}`},
		{Seconds: 0.01 + chance.Float64()/100, Who: i.ID, What: "← adapter", Data: `{"op":"died","queue":"e","error":"JSONDecodeError: Expecting value: line 1 column 1 (char 0)"}`},
	}
	return result
}

// delivered returns the shortened trace of a delivery that passed.
func delivered(chance *rand.Rand, receiver string, message []byte) []report.Step {
	at := 0.001 + chance.Float64()/1000
	event := func(signal, payload string) report.Step {
		at += chance.Float64() / 10_000
		return report.Step{Seconds: at, Who: receiver, What: "← adapter", Data: fmt.Sprintf(`{"op":"event","signal":%q,"signals":["e","remote_event","event"],"payload_text":%q}`, signal, payload)}
	}
	payload := string(message[:min(len(message), 100)])
	return []report.Step{
		{Who: "redis", What: "LPUSH e", Data: string(message[:min(len(message), 200)])},
		{Who: "redis", What: "LPUSH e", Data: `{"data": {"canary": 1}, "signals": ["e", "remote_event", "event"]}`},
		event("e", payload), event("remote_event", payload), event("event", payload),
		event("e", `{"canary": 1}`), event("remote_event", `{"canary": 1}`), event("event", `{"canary": 1}`),
	}
}

func paired(chance *rand.Rand, id, server string, sender, receiver report.Implementation, message []byte, fails bool) report.Result {
	result := report.Result{
		Case: id, Server: server, Sender: sender.ID, Receiver: receiver.ID, Outcome: report.Passed,
		Expected: `delivers {"a": 1, "path": "/uploads/vidéo.mp4"}`, Observed: `delivers {"a": 1, "path": "/uploads/vidéo.mp4"}`,
		Message: message, MessageBytes: len(message), Seconds: chance.Float64() / 100,
	}
	switch {
	case fails:
		result.Outcome, result.Observed = report.Failed, `delivers {"a": 1.0, "path": "/uploads/vidéo.mp4"}`
		result.Problems = []string{"a: the number is 1.0, and was sent as 1"}
		result.Trace = []report.Step{{Who: "harness", What: "→ adapter", Data: `{"op":"send","id":7,"event_name":"e","parents":[],"payload_text":"{\"a\": 1}"}`}, {Seconds: 0.003, Who: "redis", What: "RPOP e", Data: string(message)}}
	case sender.Original && strings.HasPrefix(id, "payload/dates"):
		result.Outcome, result.Expected, result.Observed = report.Unsupported, "sends", "unsupported: the original sends no metadata"
		result.Message, result.MessageBytes = nil, 0
	default:
		result.Trace = delivered(chance, receiver.ID, message)
	}
	return result
}
