package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/wire"
)

// urlOfClient is the URL of the Redis that a test's client uses.
func urlOfClient(client *redis.Client) string { return urlOf(client.Options().Addr) }

// stored returns the messages of a list, the oldest first.
func stored(t *testing.T, client *redis.Client, key string) []string {
	t.Helper()
	messages, err := client.LRange(t.Context(), key, 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	for i, j := 0, len(messages)-1; i < j; i, j = i+1, j-1 {
		messages[i], messages[j] = messages[j], messages[i]
	}
	return messages
}

func TestSend(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		r := invoke(t, "send", "x", `{"a": 1}`, "--parent", "y", "--parent", "z", "--metadata", "tenant=a=b", "-o", "json", "--redis", url).
			expect(t, exitDone)
		var said sent
		if err := json.Unmarshal([]byte(r.stdout), &said); err != nil {
			t.Fatal(err)
		}
		messages := stored(t, client, "x")
		if len(messages) != 1 || said.EventName != "x" || said.Bytes != len(messages[0]) {
			t.Fatalf("%+v, stored: %q", said, messages)
		}
		env, err := wire.Decode([]byte(messages[0]), wire.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		attributes := env.Metadata.Attributes
		if got := strings.Join(env.Metadata.Signals, " "); got != "x y z remote_event event" {
			t.Errorf("signals: %s", got)
		}
		if attributes["id"] != said.ID || said.ID == "" || attributes["time"] == "" || attributes["tenant"] != "a=b" || len(attributes) != 3 {
			t.Errorf("attributes: %v", attributes)
		}
	})
}

func TestSendPlain(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	const want = `{"data": {"path": "/uploads/vidéo.mp4"}, "signals": ["x", "remote_event", "event"]}`
	for _, i := range []invocation{
		{args: []string{"send", "x", `{"path": "/uploads/vidéo.mp4"}`}},
		{args: []string{"send", "x", "-"}, stdin: strings.NewReader("{\"path\": \"/uploads/vidéo.mp4\"}\r\n")},
		{args: []string{"send", "x"}, stdin: strings.NewReader("{\"path\": \"/uploads/vidéo.mp4\"}\n")},
	} {
		i.args = append(i.args, "--plain", "--redis", urlOfClient(client))
		if r := i.run(t.Context()).expect(t, exitDone); r.stdout != "" || r.stderr != "" {
			t.Errorf("%v is not quiet: %q %q", i.args, r.stdout, r.stderr)
		}
	}
	for _, message := range stored(t, client, "x") {
		if message != want {
			t.Errorf("stored %s, want %s", message, want)
		}
	}
}

func embedded(t *testing.T) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { client.Close() })
	return client
}

func TestSendRefuses(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	t.Cleanup(func() {
		if keys, err := client.Keys(context.Background(), "*").Result(); err != nil || len(keys) > 0 {
			t.Errorf("keys after a rejected send: %q %v", keys, err)
		}
	})
	for _, test := range []struct {
		name, event, payload string
		flags                []string
		want                 []string
	}{
		{"array", "x", `[1]`, nil, []string{"[WIRE-1]", "at byte 0"}},
		{"syntax", "x", `{"a": }`, nil, []string{"[JSON-2]", "at byte 6"}},
		{"empty", "x", " \n", nil, []string{"[JSON-2]", "empty"}},
		{"two values", "x", `{} {}`, nil, []string{"[JSON-2]"}},
		{"second member", "x", `{}, "metadata": {}`, []string{"--plain"}, []string{"[JSON-2]"}},
		{"UTF-8", "x", "{\"a\": \"\xff\"}", nil, []string{"[JSON-1]", "at byte 7"}},
		{"NaN", "x", `{"a": NaN}`, nil, []string{"[JSON-4]", "at byte 6"}},
		{"duplicate", "x", `{"a": 1, "a": 2}`, nil, []string{"[JSON-5]"}},
		{"size", "x", `{"a": "` + strings.Repeat("x", wire.DefaultSendBytes) + `"}`, nil, []string{"[LIMIT-2]", "1048576"}},
		{"depth", "x", strings.Repeat(`{"a": `, 600) + "1" + strings.Repeat("}", 600), nil, []string{"[LIMIT-1]"}},
		{"reserved member", "x", `{"_signals": []}`, nil, []string{"[WIRE-5]"}},
		{"reserved name", "kernel.shutdown", `{}`, nil, []string{"[SIG-4]"}},
		{"parent twice", "x", `{}`, []string{"--parent", "y", "--parent", "y"}, []string{"[SIG-3]"}},
		{"parent itself", "x", `{}`, []string{"--parent", "x"}, []string{"[SIG-3]"}},
		{"base", "event", `{}`, nil, []string{"[SIG-3]"}},
		{"attribute", "x", `{}`, []string{"--metadata", "Tenant=a"}, []string{"[META-2]"}},
		{"signals", "x", `{}`, []string{"--metadata", "signals=a"}, []string{"[META-2]"}},
		{"time", "x", `{}`, []string{"--metadata", "time=now"}, []string{"[META-5]"}},
		{"no id", "x", `{}`, []string{"--metadata", "id="}, []string{"[META-5]"}},
		{"name", "\xff", `{}`, nil, []string{"[JSON-1]"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"send", test.event, test.payload, "--redis", urlOfClient(client)}, test.flags...)
			invoke(t, args...).expect(t, exitFailed, test.want...)
			i := invocation{args: append([]string{"send", test.event, "-", "--redis", urlOfClient(client)}, test.flags...), stdin: strings.NewReader(test.payload)}
			i.run(t.Context()).expect(t, exitFailed, test.want...)
		})
	}
}

func TestSendWarns(t *testing.T) {
	t.Parallel()
	url := urlOfClient(embedded(t))
	invoke(t, "send", "x", `{"a": 9007199254740993}`, "--redis", url).expect(t, exitDone, "warning:", "[JSON-8]")
	r := invocation{args: []string{"send", "x", "--ndjson", "-", "--redis", url}, stdin: strings.NewReader("{}\n{\"a\": 9007199254740993}\n{\"a\": 9007199254740993}\n")}.
		run(t.Context()).expect(t, exitDone, "warning: line 2: [JSON-8]")
	if strings.Contains(r.stderr, "line 3") {
		t.Errorf("repeated warning: %s", r.stderr)
	}
}

func TestSendWhereRedisRefuses(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	if err := client.Set(t.Context(), "x", "a string", 0).Err(); err != nil {
		t.Fatal(err)
	}
	invoke(t, "send", "x", "{}", "--redis", urlOfClient(client)).expect(t, exitFailed, "WRONGTYPE", "hint:")
}

// numbered writes lines {"n": first} to {"n": last}.
func numbered(first, last int) string {
	var b strings.Builder
	for n := first; n <= last; n++ {
		fmt.Fprintf(&b, "{\"n\": %d}\n", n)
	}
	return b.String()
}

// expectNumbered checks that the payloads of a list are {"n": 1} to {"n": last}.
func expectNumbered(t *testing.T, client *redis.Client, key string, last int) {
	t.Helper()
	messages := stored(t, client, key)
	if len(messages) != last {
		t.Fatalf("%d messages stored, want %d", len(messages), last)
	}
	for i, message := range messages {
		if want := fmt.Sprintf(`{"data": {"n": %d}, `, i+1); !strings.HasPrefix(message, want) {
			t.Fatalf("message %d: %s", i+1, message)
		}
	}
}

func TestSendLines(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		file := filepath.Join(t.TempDir(), "events.ndjson")
		text := numbered(1, 2500) + "\n \r\n" + strings.ReplaceAll(numbered(2501, 2600), "\n", "\r\n") + `{"n": 2601}`
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := invoke(t, "send", "x", "--ndjson", file, "--redis", url).expect(t, exitDone); r.stdout != "" || r.stderr != "" {
			t.Errorf("unexpected output: %q %q", r.stdout, r.stderr)
		}
		expectNumbered(t, client, "x", 2601)
		r := invocation{args: []string{"send", "y", "--ndjson", "-", "--plain", "-o", "json", "--redis", url}, stdin: strings.NewReader(text)}.
			run(t.Context()).expect(t, exitDone)
		expectNumbered(t, client, "y", 2601)
		if r.stdout != `{"event_name":"y","sent":2601}`+"\n" {
			t.Errorf("stdout: %s", r.stdout)
		}
		invoke(t, "send", "z", "--ndjson", os.DevNull, "--redis", url).expect(t, exitDone)
	})
}

// Only on a real Redis: an LPUSH on the embedded server takes time proportional to the length of
// the list.
func TestSendManyLines(t *testing.T) {
	t.Parallel()
	const many = 200_000
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr})
	defer client.Close()
	read, write := io.Pipe()
	go func() {
		for first := 1; first < many; first += 1000 {
			_, _ = io.WriteString(write, numbered(first, first+999))
		}
		_ = write.Close()
	}()
	invocation{args: []string{"send", "x", "--ndjson", "-", "--redis", urlOfClient(client)}, stdin: read}.run(t.Context()).expect(t, exitDone)
	expectNumbered(t, client, "x", many)
}

func TestSendLinesStopsAtABadOne(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for name, test := range map[string]struct{ bad, want string }{
			"syntax": {"{", "[JSON-2]"},
			"array":  {"[]", "[WIRE-1]"},
			"20MB":   {`{"a": "` + strings.Repeat("x", 20<<20) + `"}`, "[LIMIT-2] the message has 20971"},
			"65MB":   {`{"a": "` + strings.Repeat("x", 65<<20) + `"}`, "longer than 64 MiB"},
		} {
			text := numbered(1, 1500) + "\n" + test.bad + "\n" + numbered(1501, 3000)
			r := invocation{args: []string{"send", name, "--ndjson", "-", "--redis", urlOfClient(client), "-o", "json"}, stdin: strings.NewReader(text)}.
				run(t.Context()).expect(t, exitFailed, "line 1502: ", test.want, "sent before it: 1500, the rest not")
			expectNumbered(t, client, name, 1500)
			if want := `{"event_name":"` + name + `","sent":1500,"failed_line":1502}` + "\n"; r.stdout != want {
				t.Errorf("stdout: %s", r.stdout)
			}
		}
	})
}

// A slow source is not blocked: each line is sent before the source writes the next.
func TestSendLinesAsTheyCome(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		read, write := io.Pipe()
		ended := make(chan result, 1)
		go func() {
			ended <- invocation{args: []string{"send", "x", "--ndjson", "-", "--redis", urlOfClient(client)}, stdin: read}.run(ctx)
		}()
		for n := 1; n <= 5; n++ {
			if _, err := io.WriteString(write, numbered(n, n)); err != nil {
				t.Fatal(err)
			}
			if _, err := client.BRPop(t.Context(), 0, "x").Result(); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		(<-ended).expect(t, exitInterrupted, "interrupted; sent: 5 (up to line 5)")
		_ = write.Close() // lets the reader end
	})
}

func TestSendLinesWhereTheFileIsMissing(t *testing.T) {
	t.Parallel()
	invoke(t, "send", "x", "--ndjson", filepath.Join(t.TempDir(), "missing")).expect(t, exitFailed, "missing")
	invoke(t, "send", "x", "--ndjson", "").expect(t, exitUsage, "--ndjson")
}

// The connection breaks while a reply is awaited: the outcome of the events in that command is
// unknown.
func TestSendLinesWhereTheConnectionIsLost(t *testing.T) {
	t.Parallel()
	fake := miniredis.RunT(t)
	pushes := 0
	fake.Server().SetPreHook(func(peer *server.Peer, command string, _ ...string) bool {
		if command == "LPUSH" {
			pushes++
			if pushes == 2 {
				peer.Close()
				return true
			}
		}
		return false
	})
	read, write := io.Pipe()
	ended := make(chan result, 1)
	go func() {
		ended <- invocation{args: []string{"send", "x", "--ndjson", "-", "--redis", urlOf(fake.Addr()), "-o", "json"}, stdin: read}.run(t.Context())
	}()
	client := redis.NewClient(&redis.Options{Addr: fake.Addr()})
	defer client.Close()
	_, _ = io.WriteString(write, numbered(1, 1))
	if err := client.BRPop(t.Context(), 0, "x").Err(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(write, numbered(2, 2))
	r := (<-ended).expect(t, exitConnection, "stored: 1 (up to line 1)", "unknown: 1", "not sent: the rest")
	_ = write.Close()
	if r.stdout != `{"event_name":"x","sent":1,"unknown":1,"failed_line":2}`+"\n" {
		t.Errorf("stdout: %s", r.stdout)
	}
}

func TestSendLinesWhereRedisRefuses(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	if err := client.Set(t.Context(), "x", "a string", 0).Err(); err != nil {
		t.Fatal(err)
	}
	invocation{args: []string{"send", "x", "--ndjson", "-", "--redis", urlOfClient(client)}, stdin: strings.NewReader(numbered(1, 3))}.
		run(t.Context()).expect(t, exitFailed, "WRONGTYPE", "stored: 0")
}
