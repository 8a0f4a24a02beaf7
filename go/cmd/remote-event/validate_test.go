package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/wire"
)

const (
	safeMessage      = `{"data": {}, "signals": ["x", "remote_event", "event"]}`
	toleratedMessage = `{"data": {"n": NaN}, "signals": ["x", "remote_event", "event"]}`
	malformedMessage = `{"data": {}}`
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "message.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestValidate(t *testing.T) {
	t.Parallel()
	safe, tolerated, malformed := writeFile(t, safeMessage+"\n"), writeFile(t, toleratedMessage), writeFile(t, malformedMessage)
	missing, directory := filepath.Join(t.TempDir(), "missing"), t.TempDir()
	for _, test := range []struct {
		name     string
		args     []string
		stdin    string
		code     int
		verdicts string
		stderr   []string
	}{
		{"safe", []string{safe}, "", exitDone, "safe delivers", nil},
		{"stdin", nil, safeMessage, exitDone, "safe delivers", nil},
		{"dash", []string{"-"}, safeMessage, exitDone, "safe delivers", nil},
		{"tolerated", []string{tolerated}, "", exitFindings, "tolerated delivers JSON-4@15", nil},
		{"malformed", []string{malformed}, "", exitFindings, "malformed dies WIRE-2@12", nil},
		{"several", []string{safe, malformed, tolerated}, "", exitFindings,
			"safe delivers, malformed dies WIRE-2@12, tolerated delivers JSON-4@15", nil},
		{"key", []string{"--key", "x", safe}, "", exitDone, "safe delivers", nil},
		{"other key", []string{"--key", "y", safe}, "", exitFindings, "tolerated drops SIG-1@25", nil},
		{"empty key", []string{"--key", "", safe}, "", exitFindings, "tolerated drops SIG-1@25", nil},
		{"missing", []string{missing, malformed}, "", exitFailed, "malformed dies WIRE-2@12", []string{missing}},
		{"directory", []string{directory, safe}, "", exitFailed, "safe delivers", []string{directory, "is a directory"}},
		{"empty", nil, "", exitFindings, "malformed dies JSON-2@0", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"validate", "-o", "ndjson"}, test.args...)
			r := invocation{args: args, stdin: strings.NewReader(test.stdin)}.run(t.Context()).expect(t, test.code, test.stderr...)
			var got []string
			for line := range strings.Lines(r.stdout) {
				var j struct {
					File, Verdict, Legacy string
					Findings              []wire.Finding
				}
				if err := json.Unmarshal([]byte(line), &j); err != nil || j.File == "" || j.Findings == nil {
					t.Fatalf("%s: %v", line, err)
				}
				text := j.Verdict + " " + j.Legacy
				for _, f := range j.Findings {
					text += " " + string(f.Requirement) + "@" + jsonText(t, f.Offset)
				}
				got = append(got, text)
			}
			if strings.Join(got, ", ") != test.verdicts {
				t.Errorf("got %q, want %q", strings.Join(got, ", "), test.verdicts)
			}
		})
	}
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestValidateText(t *testing.T) {
	t.Parallel()
	r := invocation{args: []string{"validate"}, stdin: strings.NewReader(toleratedMessage)}.run(t.Context()).expect(t, exitFindings)
	const want = "-: tolerated; an original receiver delivers\n" +
		"  JSON-4   tolerated  byte 15      NaN and infinities are not JSON\n"
	if r.stdout != want {
		t.Errorf("got %q, want %q", r.stdout, want)
	}
}

func TestValidateLines(t *testing.T) {
	t.Parallel()
	text := safeMessage + "\n\n" + toleratedMessage + "\r\n" + safeMessage
	r := invocation{args: []string{"validate", "--lines"}, stdin: strings.NewReader(text)}.run(t.Context()).expect(t, exitFindings)
	const want = "-:1: safe; an original receiver delivers\n" +
		"-:3: tolerated; an original receiver delivers\n" +
		"  JSON-4   tolerated  byte 15      NaN and infinities are not JSON\n" +
		"-:4: safe; an original receiver delivers\n"
	if r.stdout != want {
		t.Errorf("got %q, want %q", r.stdout, want)
	}
	r = invoke(t, "validate", "--lines", "-o", "ndjson", writeFile(t, safeMessage+"\n"+safeMessage)).expect(t, exitDone)
	if strings.Count(r.stdout, "\n") != 2 || !strings.Contains(r.stdout, `"line":2`) {
		t.Errorf("got %s", r.stdout)
	}
	r = invoke(t, "validate", "--lines", "none.ndjson", writeFile(t, malformedMessage)).expect(t, exitFailed, "none.ndjson")
	if !strings.Contains(r.stdout, ":1: malformed") {
		t.Errorf("got %s", r.stdout)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	invocation{args: []string{"validate", "--lines"}}.run(ctx).expect(t, exitInterrupted)
}

func TestJudgementInColour(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		safeMessage: "\x1b[32msafe\x1b[0m", toleratedMessage: "\x1b[33mtolerated\x1b[0m", malformedMessage: "\x1b[31mmalformed\x1b[0m",
	} {
		text := escape(colours(true).validated(validated{File: "f", Report: wire.Inspect([]byte(raw), wire.Limits{})}))
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"new_file_event": "new_file_event", "événement 事": "événement 事", "a\x1b[31m\n": `a\u001b[31m\u000a`,
		"\xff": `\xff`, "\u202e": `\u202e`, "\U000E0001": `\udb40\udc01`,
	} {
		if got := visible(text); got != want {
			t.Errorf("visible(%q) = %s, want %s", text, got, want)
		}
	}
	if got := oneLine([]byte("{\n\t\"a\":\r\n1}")); got != `{  "a":  1}` {
		t.Errorf("oneLine: %q", got)
	}
}
