package main

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/deadletter"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// completions returns the words that a shell offers for the last argument.
func completions(t *testing.T, environ []string, args ...string) []string {
	t.Helper()
	r := invocation{args: append([]string{"__complete"}, args...), env: environ}.run(t.Context()).expect(t, exitDone)
	expectHarmless(t, "completions", r.stdout)
	var words []string
	for line := range strings.Lines(r.stdout) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !strings.HasPrefix(word, ":") && !strings.HasPrefix(word, "--") { // the directive, and required flags
			words = append(words, word)
		}
	}
	return words
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	push(t, client, "a", message("a", 1))
	push(t, client, "b.c", message("b", 1))
	for _, name := range []string{hostile, "", "a b", "$(reboot)", "`x`", "-x", "x;y", "*", "é"} {
		push(t, client, name, message("a", 1))
	}
	importLetters(t, client, "a", letter(message("a", 2), "failed"))
	importLetters(t, client, "b.c", letter(message("b", 2), "failed"))
	q, err := queueadmin.Open(client, "a")
	if err != nil {
		t.Fatal(err)
	}
	var id string
	for id, err = range q.DeadLetterIDs(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	contexts := newContexts(t)
	contexts.run(nil, "context", "add", "one", "--redis", "redis://h").expect(t, exitDone)
	environ := []string{redisURLEnv + "=" + urlOfClient(client), contextFileEnv + "=" + contexts.file}
	queues := []string{"a", "b.c", "é"}
	for _, line := range commandLines(t, "x", "x", "x") {
		if !line.queue {
			continue
		}
		if words := completions(t, environ, append(strings.Fields(line.path), "")...); !slices.Equal(words, queues) {
			t.Errorf("%s offers %q", line.path, words)
		}
	}
	for args, want := range map[string][]string{
		"send ":                         queues,
		"send a ":                       nil,
		"queue show a ":                 {"b.c", "é"},
		"queue move a ":                 {"b.c", "é"},
		"queue move a b.c ":             nil,
		"queue keda a ":                 nil,
		"dead show a --id ":             {deadletter.ShortID(id)},
		"dead drop --id zz":             nil,
		"dead ls --match r":             {"event=", "event!=", "reason=", "reason!=", "error=", "error!=", "died<", "died<=", "died>", "died>="},
		"dead ls --match reason=":       {"reason=failed", "reason=panicked", "reason=permanent", "reason=malformed", "reason=schema", "reason=expired", "reason=imported"},
		"dead ls --match event!=":       {"event!=a", "event!=b.c", "event!=é"},
		"queue peek a --state ":         states,
		"context use ":                  {"one"},
		"context use one ":              nil,
		"queue ls --context ":           {"one"},
		"queue ls -o ":                  {"text", "json", "ndjson"},
		"check -o ":                     {"text", "json", "ndjson", "nagios"},
		"acl a --role receiver-at-most": nil,
	} {
		words := completions(t, environ, strings.Split(args, " ")...)
		if strings.HasPrefix(args, "acl") {
			if !slices.Contains(words, string(queueadmin.ReceiverAtMostOnce)) {
				t.Errorf("%q offers %q", args, words)
			}
			continue
		}
		if strings.HasPrefix(args, "dead ls --match r") && !strings.Contains(args, "=") {
			words = slices.DeleteFunc(words, func(word string) bool { return !slices.Contains(want, word) })
		}
		slices.Sort(words)
		if sorted := slices.Sorted(slices.Values(want)); !slices.Equal(words, sorted) {
			t.Errorf("%q offers %q, want %q", args, words, sorted)
		}
	}
}

// TestCompletionWithoutRedis checks that a Redis that does not reply delays a shell by no
// more than about a second, and that nothing is printed.
func TestCompletionWithoutRedis(t *testing.T) {
	t.Parallel()
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	began := time.Now()
	for _, url := range []string{urlOf(silent.Addr().String()), "redis://127.0.0.1:1", "nonsense"} {
		r := invoke(t, "__complete", "queue", "show", "--redis", url, "").expect(t, exitDone)
		if r.stdout != ":4\n" || strings.Contains(r.stderr, "annot") {
			t.Errorf("%s: %q, %q", url, r.stdout, r.stderr)
		}
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestMisspeltWords checks that a misspelt word of a closed list is an error that names the
// nearest one.
func TestMisspeltWords(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"queue peek x --state retryng":      "retrying",
		"acl x --role oprator":              "operator",
		"dead ls --match reason=faild":      "failed",
		"dead ls --match reson=failed":      "reason",
		"queue ls -o jsn":                   "json",
		"check x --max-dead 0 -o nagio":     "nagios",
		"queue peek x --state zzzzzzzzzzzz": "the states are staged, queued, retrying, leased",
	} {
		invoke(t, strings.Fields(args)...).expect(t, exitUsage, want)
	}
}
