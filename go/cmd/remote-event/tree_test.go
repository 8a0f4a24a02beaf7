package main

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandLine is how the tests of the whole tree call a command. It is derived from the
// command's usage, so that these tests include every new command.
type commandLine struct {
	path  string   // without the name of the program
	args  []string // with the path
	queue bool     // it takes names of queues
	redis bool     // it connects
	data  bool     // it has -o
}

// noData are the commands whose output is not data for programs.
var noData = []string{"demo", "completion bash", "completion fish", "completion powershell", "completion zsh", "help", "queue keda", "relay", "top"}

// needed are arguments that commands need beyond those of their usage, to work at once and
// without questions.
var needed = map[string][]string{
	"asyncapi":     {"--schemas", "internal/asyncapi/testdata/catalogue"},
	"check":        {"--max-queued", "0"},
	"listen":       {"--count", "1", "--timeout", "10s"},
	"bench":        {"--count", "2"},
	"dev":          {"--addr", "127.0.0.1:0"},
	"exporter":     {"--listen", "127.0.0.1:0"},
	"queue keda":   {"--deployment", "receivers"},
	"queue purge":  {"--yes"},
	"context add":  {"--replace"},
	"dead requeue": {"--all"},
	"dead drop":    {"--all", "--yes"},
}

// unbounded are the commands that run until a signal.
var unbounded = []string{"dev", "exporter", "relay", "ui"}

// commandLines returns the command lines of all commands, for a queue and for files.
func commandLines(t *testing.T, queue, record, message string) []commandLine {
	t.Helper()
	a := &app{stdin: strings.NewReader(""), stdout: &screen{to: io.Discard}, stderr: &screen{to: io.Discard}, outputs: map[*cobra.Command]*output{}}
	root := a.rootCommand()
	var lines []commandLine
	var walk func(command *cobra.Command)
	walk = func(command *cobra.Command) {
		for _, member := range command.Commands() {
			walk(member)
		}
		if command.HasSubCommands() || command.Hidden {
			return
		}
		path := pathOf(command)
		line := commandLine{path: path, args: strings.Fields(path), redis: true, data: command.Flags().Lookup("output") != nil}
		words := strings.Fields(command.Use)[1:]
		if path == "help" {
			words = nil
		}
		for _, word := range words {
			switch word = strings.Trim(word, "[]"); word {
			case "QUEUE", "QUEUE…", "NAME…", "SOURCE":
				line.args, line.queue = append(line.args, queue), true
			case "NAME":
				line.args = append(line.args, queue)
			case "DESTINATION", "DESTINATION…":
				line.args = append(line.args, "destination")
			case "JSON|-":
				line.args = append(line.args, "{}")
			case "FILE|-":
				line.args = append(line.args, record)
			case "FILE…|-":
				line.args = append(line.args, message)
			case "flags", "command":
			default:
				t.Errorf("%s: commandLines knows no argument for %q", path, word)
			}
		}
		line.args = append(line.args, needed[path]...)
		command.InheritedFlags().VisitAll(func(flag *pflag.Flag) {
			if flag.Name == "redis" && command.PreRunE != nil { // withoutRedis
				line.redis = false
			}
		})
		if slices.Contains([]string{"help", "queue keda", "context show"}, path) || strings.HasPrefix(path, "completion ") {
			line.redis = false
		}
		lines = append(lines, line)
	}
	walk(root)
	if len(lines) < 20 {
		t.Fatalf("only %d commands", len(lines))
	}
	return lines
}

// record is an exported dead letter of the queue x.
const record = `{"version":1,"queue":"x","message":"eA==","reason":"x"}` + "\n"

// fill makes a queue with a message and a dead letter, and nothing else.
func fill(t *testing.T, client *redis.Client, queue string) {
	t.Helper()
	client.FlushAll(t.Context())
	push(t, client, queue, message("x", 1))
	importLetters(t, client, queue, letter(message("x", 2), "failed"))
}

// TestFormats checks that -o means the same for every command: json is one document, and
// an array for a list; ndjson has the same records, one a line.
func TestFormats(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	recordFile, messageFile := writeFile(t, record), writeFile(t, message("x", 1))
	for _, line := range commandLines(t, "x", recordFile, messageFile) {
		if line.data == slices.Contains(noData, line.path) {
			t.Errorf("%s: it has -o: %v", line.path, line.data)
		}
		if !line.data || slices.Contains(unbounded, line.path) {
			continue
		}
		args := line.args
		if line.redis {
			args = append(args, "--redis", urlOfClient(client))
		}
		run := func(format string) string {
			fill(t, client, "x")
			contexts := writeFile(t, `{"version": 1, "current": "x", "contexts": {"x": {"redis": "redis://h"}}}`)
			r := invocation{env: []string{contextFileEnv + "=" + contexts}, args: append(slices.Clone(args), "-o", format)}.run(t.Context())
			if r.code != exitDone && r.code != exitFindings {
				t.Errorf("%s -o %s: exit code %d: %s", line.path, format, r.code, r.stderr)
			}
			return r.stdout
		}
		if text := run(formatText); json.Valid([]byte(text)) {
			t.Errorf("%s -o text prints JSON: %s", line.path, text)
		}
		document, lines := run(formatJSON), run(formatNDJSON)
		var whole any
		if err := json.Unmarshal([]byte(document), &whole); err != nil {
			t.Errorf("%s -o json: %v: %s", line.path, err, document)
			continue
		}
		records, isList := whole.([]any)
		if !isList {
			records = []any{whole}
		}
		var streamed []any
		for line := range strings.Lines(lines) {
			var record any
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				t.Errorf("%s -o ndjson: %v: %s", line, err, lines)
			}
			streamed = append(streamed, record)
		}
		if len(streamed) != len(records) || len(records) == 0 {
			t.Errorf("%s: %d records as json, %d as ndjson", line.path, len(records), len(streamed))
			continue
		}
		for i, r := range records {
			x, isObject := r.(map[string]any)
			y, alike := streamed[i].(map[string]any)
			if !isObject || !alike {
				t.Errorf("%s: the records are %v and %v", line.path, r, streamed[i])
				continue
			}
			for name := range x {
				if _, ok := y[name]; !ok || len(x) != len(y) {
					t.Errorf("%s: json has %v, ndjson has %v", line.path, x, y)
					break
				}
			}
		}
	}
}

// TestExactJSON checks that a name of any bytes survives JSON.
func TestExactJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", hostile, "\xff", "a\x80\xfeb\xc3", "\xed\xb2\x9b", "\U0001f49b\xf0\x9f\x92", `\udc80`, `\\udc80"` + "\x80", "\U000E0001<&>\u2028\xe2\x80"} {
		written, err := json.Marshal(exact(text))
		if err != nil {
			t.Fatal(err)
		}
		var read exact
		if err := json.Unmarshal(written, &read); err != nil || string(read) != text {
			t.Errorf("%v: %q is %s, which is %q", err, text, written, read)
		}
		expectHarmless(t, "exact", escape(string(written)))
	}
	if written, _ := json.Marshal(exact("a\x9b")); string(written) != `"a\udc9b"` {
		t.Errorf("got %s", written)
	}
	for text, want := range map[string]exact{`"\ud83d\udc9b"`: "\U0001f49b", `"\\udc9b"`: `\udc9b`, `"\uDC9B\n"`: "\x9b\n"} {
		var read exact
		if err := json.Unmarshal([]byte(text), &read); err != nil || read != want {
			t.Errorf("%v: %s is %q", err, text, read)
		}
	}
	// The ids of dead letters in a queue with such a name can be given back.
	client := embedded(t)
	name := "h\x9b\xff"
	importLetters(t, client, name, letter(message("x", 2), "failed"))
	listed := invoke(t, "dead", "ls", "-o", "ndjson", "--redis", urlOfClient(client)).expect(t, exitDone)
	r := invocation{args: []string{"dead", "drop", "--ids", "-", "--yes", "--redis", urlOfClient(client)}, stdin: strings.NewReader(listed.stdout)}.run(t.Context()).expect(t, exitDone)
	if r.stdout != "dropped 1\n" {
		t.Errorf("%s: %s", listed.stdout, r.stdout)
	}
}

// TestExportWithoutAName: a queue whose name no record can hold hides no other.
func TestExportWithoutAName(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	importLetters(t, client, "a\xff", letter(message("x", 1), "failed"))
	importLetters(t, client, "b", letter(message("x", 2), "failed"))
	r := invoke(t, "dead", "export", "--redis", urlOfClient(client)).expect(t, exitFailed, `"a\xff", is not UTF-8`)
	if strings.Count(r.stdout, "\n") != 1 || !strings.Contains(r.stdout, `"queue":"b"`) {
		t.Errorf("got %s", r.stdout)
	}
}
