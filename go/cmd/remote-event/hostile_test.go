package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// hostile acts on a terminal in every way that is known: ESC and BEL, a C1 control,
// characters for the direction of text, a line end, and a byte that is not UTF-8.
const hostile = "\x1b]0;owned\x07\u009b31m\u202e\u2066\u200f\r\n\x7f\x9b"

// expectHarmless fails where a text could act on a terminal.
func expectHarmless(t *testing.T, what, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s is not UTF-8: %q", what, text)
	}
	for _, r := range text {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
			t.Errorf("%s holds %U: %q", what, r, text)
			return
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "\x7f") || strings.HasPrefix(line, "owned") {
			t.Errorf("%s has a line of the text's own: %q", what, line)
		}
	}
}

// TestNothingActsOnATerminal runs all commands with hostile texts wherever a text
// comes from outside: arguments, files and their names, a configuration, names in
// payloads, schemas, what Redis holds.
func TestNothingActsOnATerminal(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr, "--user", "anna", "on", ">"+password, "~nothing", "+@all")
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	dir := catalogueDir(t)
	named := "h" + hostile
	member, err := json.Marshal(strings.ToValidUTF8(hostile, ""))
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(dir, "sized.schema.json"),
		[]byte(`{"additionalProperties": {"type": "integer"}, "properties": {`+string(member)+`: {"type": "integer"}}}`))
	payload := `{` + string(member) + `: "x"}`
	raw := `{"data": {"raw` + strings.ToValidUTF8(strings.ReplaceAll(strings.ReplaceAll(hostile, "\r\n", ""), "\x1b", ""), "") + `": 1}, "signals": ["x", "remote_event", "event"]}`
	file := writeFile(t, payload)
	rawFile := writeFile(t, raw)
	hostileDir := filepath.Join(t.TempDir(), strings.ToValidUTF8(named, ""))
	if err := os.Mkdir(hostileDir, 0o700); err != nil {
		t.Fatal(err)
	}
	hostileFile := filepath.Join(hostileDir, "f")
	overwrite(t, hostileFile, []byte("{"+hostile))
	config := writeFile(t, "redis:\n  \"a\\x1b\\u202e\u200e\": {{}}\n  password"+"\u202e"+": 1\n")
	broken := writeFile(t, "redis: {"+hostile+": 1}\n")
	prepare := func() {
		client.FlushAll(t.Context())
		push(t, client, named, message("x", 1), "not JSON"+hostile, strings.Replace(raw, `"x"`, string(member), 1))
		importLetters(t, client, named, queueadmin.DeadLetter{
			Raw: []byte("dead " + hostile), Code: "failed" + hostile, Error: "error " + hostile, Causes: []string{"cause" + hostile},
		})
		push(t, client, "x", raw)
		client.Set(t.Context(), "s"+hostile, "x", 0)
	}
	redisURL, anna := urlOf(addr), "redis://anna:"+password+"@"+addr
	for _, args := range [][]string{
		{hostile},
		{"help", hostile},
		{"queue", hostile},
		{"completion", hostile},
		{"--" + hostile},
		{"version", hostile},
		{"version", "-o", hostile},
		{"dev", "--addr", hostile},
		{"send", hostile, "{}", "--redis", redisURL},
		{"send", "x", "{" + hostile, "--redis", redisURL},
		{"send", "x", "{}", "--metadata", hostile},
		{"send", "x", "{}", "--metadata", "a" + hostile + "=b", "--redis", redisURL},
		{"send", "x", "{}", "--parent", hostile, "--redis", redisURL},
		{"send", "sized", payload, "--schemas", dir, "--redis", redisURL},
		{"send", "sized", "--ndjson", file, "--schemas", dir, "--redis", redisURL},
		{"send", "x", "--ndjson", hostileFile, "--redis", redisURL},
		{"send", "x", "--ndjson", hostileFile + hostile, "--redis", redisURL},
		{"send", "x", "{}", "--schemas", hostileDir},
		{"send", "x", "{}", "--config", config},
		{"send", "x", "{}", "--config", broken},
		{"send", "x", "{}", "--config", hostileFile},
		{"send", "x", "{}", "--config", hostile},
		{"send", "x", "{}", "--redis", "redis://" + hostile},
		{"send", "x", "{}", "--redis", "redis://localhost:1/" + hostile},
		{"send", "x", "{}", "--redis", "redis://localhost:1?" + hostile + "=1"},
		{"send", "x", "{}", "--redis", "unix:///tmp/" + hostile},
		{"send", "x", "{}", "--redis", "rediss://localhost", "--tls-ca", hostileFile},
		{"send", "x", "{}", "--redis", "rediss://localhost", "--tls-ca", hostile},
		{"send", "x", "{}", "--connect-timeout", hostile},
		{"validate", hostileFile},
		{"validate", hostileFile, "-o", "ndjson"},
		{"validate", rawFile, "--key", hostile},
		{"validate", hostile},
		{"validate", "--lines", hostile, rawFile},
		{"validate", rawFile, "--schemas", dir},
		{"listen", named, "x", "--count", "2", "--timeout", "2s", "--redis", redisURL},
		{"listen", named, "x", "--count", "2", "--timeout", "2s", "-o", "ndjson", "--redis", redisURL},
		{"listen", named, "--redis", anna},
		{"listen", "s" + hostile, "--redis", redisURL},
		{"queue", "ls", "--redis", redisURL},
		{"queue", "ls", "-o", "ndjson", "--redis", redisURL},
		{"queue", "ls", "n" + hostile, "--redis", redisURL},
		{"queue", "ls", "s" + hostile, "--redis", redisURL},
		{"queue", "ls", "--redis", anna},
		{"queue", "show", "n" + hostile, "--redis", redisURL},
		{"queue", "peek", "n" + hostile, "--redis", redisURL},
		{"queue", "move", "n" + hostile, "o" + hostile, "--redis", redisURL},
		{"queue", "purge", "o" + hostile, "--yes", "--redis", redisURL},
		{"queue", "peek", "s" + hostile, "--redis", redisURL},
		{"acl", "n" + hostile, "--redis", redisURL},
		{"queue", "drain", named, "--redis", redisURL},
		{"queue", "drain", "s" + hostile, "--redis", redisURL},
		{"doctor", "--redis", redisURL},
		{"doctor", "-o", "json", "--redis", redisURL},
		{"doctor", named, "s" + hostile, "n" + hostile, "--redis", redisURL},
		{"doctor", named, "--redis", anna},
		{"dead", "ls", "--redis", redisURL},
		{"dead", "ls", "-o", "ndjson", "--redis", redisURL},
		{"dead", "show", "--redis", redisURL},
		{"dead", "ls", "--id", hostile, "--redis", redisURL},
		{"dead", "ls", "--ids", hostileFile, "--redis", redisURL},
		{"dead", "ls", "--match", hostile, "--redis", redisURL},
		{"dead", "ls", "--match", "reason=" + hostile, "--redis", redisURL},
		{"dead", "export", "--redis", redisURL},
		{"dead", "import", hostileFile, "--redis", redisURL},
		{"dead", "import", hostile},
		{"dead", "requeue", "--all", "--dry-run", "--redis", redisURL},
		{"dead", "requeue", "--all", "--redis", redisURL},
		{"dead", "drop", "--all", "--dry-run", "--redis", redisURL},
		{"dead", "drop", "--all", "--yes", "-o", "json", "--redis", redisURL},
	} {
		prepare()
		r := invocation{args: args}.run(t.Context())
		what := strings.ToValidUTF8(strings.Join(args, " "), "?")
		expectHarmless(t, "stdout of "+visible(what), r.stdout)
		expectHarmless(t, "stderr of "+visible(what), r.stderr)
		if r.code == exitDone && r.stdout == "" && r.stderr == "" && args[0] != "send" {
			t.Errorf("%s says nothing", visible(what))
		}
	}
}

// TestJSONKeepsHostileText: escapes of JSON are another form of the same value.
func TestJSONKeepsHostileText(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	text := strings.ToValidUTF8(hostile, "") + "\U000E0001<&>\u2028"
	importLetters(t, client, text, queueadmin.DeadLetter{Raw: []byte(hostile), Code: "failed", Error: text})
	r := invoke(t, "dead", "export", "--redis", urlOfClient(client)).expect(t, exitDone)
	var letter queueadmin.DeadLetter
	if err := json.Unmarshal([]byte(r.stdout), &letter); err != nil || letter.Queue != text || string(letter.Raw) != hostile {
		t.Errorf("%v: %q is %+v", err, r.stdout, letter)
	}
	name, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	push(t, client, text, `{"data": {"`+"\u009b\u202e"+`": 1}, "signals": [`+string(name)+`, "remote_event", "event"]}`)
	r = invoke(t, "listen", text, "--count", "1", "-o", "ndjson", "--redis", urlOfClient(client)).expect(t, exitDone)
	var event struct {
		EventName string         `json:"event_name"`
		Payload   map[string]int `json:"payload"`
		Queue     string         `json:"queue"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &event); err != nil || event.EventName != text || event.Queue != text || event.Payload["\u009b\u202e"] != 1 {
		t.Errorf("%v: %q is %+v", err, r.stdout, event)
	}
	expectHarmless(t, "stdout", r.stdout)
}

// TestColoursOfOthersAreEscaped: only the colours of the command itself remain.
func TestColoursOfOthersAreEscaped(t *testing.T) {
	t.Parallel()
	if got := escape(colours(true).red("a\x1b[32mb")); got != "\x1b[31ma\\u001b[32mb\x1b[0m" {
		t.Errorf("got %q", got)
	}
	for cut := range len(colours(true).red("a")) {
		text := escape(colours(true).red("a")[:cut])
		if strings.Contains(text, paintMark) {
			t.Errorf("the mark is shown: %q", text)
		}
	}
}
