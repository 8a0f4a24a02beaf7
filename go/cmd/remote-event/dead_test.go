package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// importLetters imports dead letters into a queue, each a minute older than the one before it.
func importLetters(t *testing.T, client *redis.Client, queue string, letters ...queueadmin.DeadLetter) (ids []string) {
	t.Helper()
	q, err := queueadmin.Open(client, queue)
	if err != nil {
		t.Fatal(err)
	}
	for i := range letters {
		if letters[i].Died.IsZero() {
			letters[i].Died = time.Now().Add(-time.Duration(i+1) * time.Minute)
		}
	}
	if ids, err = q.Import(t.Context(), letters...); err != nil {
		t.Fatal(err)
	}
	return ids
}

func letter(raw, code string) queueadmin.DeadLetter {
	return queueadmin.DeadLetter{Raw: []byte(raw), Code: queueadmin.Code(code), Error: "error of " + code, Attempts: 3}
}

func expectDead(t *testing.T, client *redis.Client, queue string, want int64) {
	t.Helper()
	q, err := queueadmin.Open(client, queue)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := q.Stats(t.Context()); err != nil || d.Dead != want {
		t.Errorf("%s has %d dead letters, want %d (%v)", queue, d.Dead, want, err)
	}
}

func TestDeadSelection(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ids := importLetters(t, client, "x", letter(message("x", 1), "failed"), letter(message("new_x", 2), "schema"), letter("\xff", "malformed"))
		other := importLetters(t, client, "日本 {x}", letter(message("日本 {x}", 3), "failed"))[0]
		all := []string{ids[2], ids[1], ids[0], other} // by queue, the oldest first
		for _, test := range []struct {
			args string
			want []string
		}{
			{"", all},
			{"x", all[:3]},
			{"y", nil},
			{"--match event=new_*", ids[1:2]},
			{"--match event!=new_*", []string{ids[2], ids[0], other}},
			{"--match event=?", ids[:1]},
			{"--match event=", ids[2:]},
			{"--match reason=failed", []string{ids[0], other}},
			{"--match reason=failed --match event=x", ids[:1]},
			{"--match error=*of?s*", ids[1:2]},
			{"--match error=of", nil},
			{"--match died<-150s", ids[2:]},
			{"--match died<=-150s", ids[2:]},
			{"--match died>-90s", []string{ids[0], other}},
			{"--match died>=2026-01-01", all},
			{"--match died>=2020-01-01T00:00:00+02:00 --match died<-90s", []string{ids[2], ids[1]}},
			{"--id " + ids[0], ids[:1]},
			{"--id " + ids[1] + " --id " + ids[0] + " x", []string{ids[0], ids[1]}},
			{"--id none", nil},
		} {
			args := append(strings.Fields("dead ls -o ndjson "+test.args), "--redis", urlOfClient(client))
			code := exitDone
			if len(test.want) == 0 {
				code = exitNothing
			}
			r := invoke(t, args...).expect(t, code)
			var got []string
			for line := range strings.Lines(r.stdout) {
				var e entry
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					t.Fatal(err)
				}
				got = append(got, string(e.Delivery))
			}
			slices.Sort(got)
			if want := slices.Sorted(slices.Values(test.want)); !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", test.args, got, want)
			}
		}
	})
}

func TestDeadIsShown(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	id := importLetters(t, client, "x", queueadmin.DeadLetter{
		Raw: []byte("{\"data\": {\"a\":\n\"\\u001b\"}, \"signals\": [\"y\"], \"metadata\": {\"id\": \"7\"}}"), Code: "failed", Attempts: 5,
		Error: "a\x1bb", Causes: []string{"a\x1bb", "deeper"}, FirstSeen: time.UnixMilli(1_795_464_000_000), Died: time.UnixMilli(1_795_464_060_000),
	})[0]
	url := urlOfClient(client)
	if r := invoke(t, "dead", "ls", "--redis", url).expect(t, exitDone); r.stdout != shortID(id)+" 2026-11-23T20:01:00Z x                  failed     5 event=y "+`a\u001bb`+"\n" {
		t.Errorf("got %s", r.stdout)
	}
	invoke(t, "dead", "show", "--id", "7", "--redis", url).expect(t, exitNothing, `there is no dead letter with the id "7"`, "the attribute id of an event is another one")
	if r := invoke(t, "dead", "ls", "none", "--redis", url).expect(t, exitNothing, `the queue "none" does not exist`); strings.Contains(r.stderr, errNoLetter.Error()) {
		t.Errorf("unexpected second error: %s", r.stderr)
	}
	r := invoke(t, "dead", "show", "--id", id, "--redis", url).expect(t, exitDone)
	for _, want := range []string{
		shortID(id) + "\n", "  id         " + id + "\n", "  queue      x\n", "  event      y\n", "  event id   7\n", "  reason     failed\n", `  error      a\u001bb` + "\n", "             deeper\n",
		"  attempts   5\n", "  first seen 2026-11-23T20:00:00Z\n", "  died       2026-11-23T20:01:00Z\n", "an original receiver drops\n", `"\u001b"}, "signals"`,
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the output lacks %q:\n%s", want, r.stdout)
		}
	}
	shown := invoke(t, "dead", "show", "-o", "ndjson", "--redis", url).expect(t, exitDone).stdout
	if exported := invoke(t, "dead", "export", "--redis", url).expect(t, exitDone).stdout; exported != shown || !strings.Contains(shown, `"delivery":"`+id) {
		t.Errorf("export: %s", exported)
	}
}

func TestDeadIsRequeued(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		first, last := ` { "signals" : ["x"],"data":{"ä":1e400, "b":1,"b":2}} `, message("x", 2)
		importLetters(t, client, "x", letter(last, "failed"), letter(first, "schema"), letter("\xff\x00", "malformed"))
		r := invoke(t, "dead", "requeue", "--all", "--dry-run", "--redis", url).expect(t, exitFindings, "end an original receiver: 1", "--force")
		if !strings.HasSuffix(r.stdout, "\nwould requeue 2\n") || strings.Count(r.stdout, "\n") != 3 {
			t.Errorf("got %s", r.stdout)
		}
		expectLength(t, client, "x", 0)
		if r := invoke(t, "dead", "requeue", "x", "--all", "-o", "json", "--redis", url).expect(t, exitFindings); r.stdout != `{"requeued":2,"deadly":1}`+"\n" {
			t.Errorf("got %s", r.stdout)
		}
		expectDead(t, client, "x", 1)
		if r := invoke(t, "dead", "requeue", "--match", "reason=malformed", "--force", "--redis", url).expect(t, exitDone); r.stdout != "requeued 1\n" {
			t.Errorf("got %s", r.stdout)
		}
		expectDead(t, client, "x", 0)
		if got := stored(t, client, "x"); !slices.Equal(got, []string{first, last, "\xff\x00"}) {
			t.Errorf("sent %q", got)
		}
	})
}

func TestDeadIsDropped(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	url := urlOfClient(client)
	var many []queueadmin.DeadLetter
	for range 250 {
		many = append(many, letter(message("x", 1), "failed"))
	}
	ids := importLetters(t, client, "x", append(many, letter("y", "malformed"))...)
	invoke(t, "dead", "drop", "--all", "--redis", url).expect(t, exitUsage, "--yes")
	invoke(t, "dead", "drop", "--yes", "--redis", url).expect(t, exitUsage, "all")
	invoke(t, "dead", "drop", "--all", "--id", ids[0], "--yes", "--redis", url).expect(t, exitUsage, "all")
	if r := invoke(t, "dead", "drop", "--match", "reason=malformed", "--dry-run", "--redis", url).expect(t, exitDone); !strings.HasSuffix(r.stdout, "\nwould drop 1\n") {
		t.Errorf("got %s", r.stdout)
	}
	invoke(t, "dead", "drop", "--id", ids[0], "--id", "none", "--yes", "--redis", url).expect(t, exitNothing, `"none"`)
	expectDead(t, client, "x", 251)
	if r := invoke(t, "dead", "drop", "x", "--match", "reason=failed", "--yes", "-o", "json", "--redis", url).expect(t, exitDone); r.stdout != `{"dropped":250}`+"\n" {
		t.Errorf("got %s", r.stdout)
	}
	expectDead(t, client, "x", 1)
}

// TestDeadGoesThroughAFile checks that a transfer to another Redis changes no byte.
func TestDeadGoesThroughAFile(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		raws := []string{"", "\x00\xff", message("x", 1), strings.Repeat("ä\r\n", 1<<20)}
		for i, raw := range raws {
			l := letter(raw, "failed")
			l.Died = time.UnixMilli(int64(1_795_464_000_000 + i))
			importLetters(t, client, []string{"x", "日本 {x}"}[i%2], l)
		}
		file := filepath.Join(t.TempDir(), "dead.ndjson")
		exported := invoke(t, "dead", "export", "--redis", urlOfClient(client)).expect(t, exitDone).stdout
		if err := os.WriteFile(file, []byte(exported), 0o600); err != nil {
			t.Fatal(err)
		}
		elsewhere := embedded(t)
		url := urlOfClient(elsewhere)
		if r := invoke(t, "dead", "import", file, "--dry-run", "--redis", url).expect(t, exitDone); r.stdout != "would import 4\n" {
			t.Errorf("got %s", r.stdout)
		}
		expectDead(t, elsewhere, "x", 0)
		invoke(t, "dead", "import", file, "--redis", url).expect(t, exitDone)
		again := invoke(t, "dead", "export", "--redis", url).expect(t, exitDone).stdout
		without := func(lines string) (records []string) {
			for line := range strings.Lines(lines) {
				var value map[string]any
				if err := json.Unmarshal([]byte(line), &value); err != nil {
					t.Fatal(err)
				}
				delete(value, "delivery")
				records = append(records, fmt.Sprint(value))
			}
			return records
		}
		if !slices.Equal(without(again), without(exported)) {
			t.Error("the imported records differ from the exported ones")
		}
		invoke(t, "dead", "requeue", "--all", "--force", "--redis", url).expect(t, exitDone)
		if got := slices.Concat(stored(t, elsewhere, "x"), stored(t, elsewhere, "日本 {x}")); !slices.Equal(got, []string{raws[0], raws[2], raws[1], raws[3]}) {
			t.Errorf("sent %.100q", got)
		}
	})
}

func TestDeadImportFails(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	url := urlOfClient(client)
	const good = `{"version":1,"queue":"x","message":"AA==","reason":"by hand"}` + "\n"
	for text, want := range map[string]string{
		good + "\n" + good + "{}\n" + good: "line 4: not the record of a dead letter: its version is 0, and not 1; stored before it: 2, the rest not",
		good + "nonsense":                  "line 2: ",
		good + `{"version":1,"queue":"remote-event:v1:x","message":"","reason":""}`: "line 2: open queue",
	} {
		r := invocation{args: []string{"dead", "import", "-", "-o", "json", "--redis", url}, stdin: strings.NewReader(text)}.run(t.Context())
		r.expect(t, exitFailed, want)
		if !strings.Contains(r.stdout, `"failed_line":`) {
			t.Errorf("stdout: %s", r.stdout)
		}
	}
	expectDead(t, client, "x", 4)
	invoke(t, "dead", "import", "--redis", url).expect(t, exitUsage, "one file")
	invoke(t, "dead", "import", "none.ndjson", "--redis", url).expect(t, exitFailed, "none.ndjson")
	if r := (invocation{args: []string{"dead", "import", "-", "--redis", url}}).run(t.Context()).expect(t, exitDone); r.stdout != "imported 0\n" {
		t.Errorf("got %s", r.stdout)
	}
}

func TestDeadUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args string
		want []string
	}{
		{"dead lss", []string{`"lss"`, "did you mean remote-event dead ls?"}},
		{"queue nothing", []string{`"nothing"`, "queue --help"}},
		{"queue drain", []string{"name a queue"}},
		{"dead requeue", []string{"at least one"}},
		{"dead ls --match size=1", []string{"event, reason, error or died"}},
		{"dead ls --match event<1", []string{"= or !="}},
		{"dead ls --match died=2026-11-24", []string{"died takes"}},
		{"dead ls --match died<yesterday", []string{"-2h"}},
		{"dead ls --match event=\xff", []string{"UTF-8"}},
		{"dead ls --id 1 --match event=x", []string{"id", "match"}},
	} {
		r := invoke(t, strings.Fields(test.args)...).expect(t, exitUsage, test.want...)
		if r.stdout != "" {
			t.Errorf("%s: stdout: %s", test.args, r.stdout)
		}
	}
	invoke(t, "send", "", "{}").expect(t, exitUsage, "name is empty")
	for _, args := range []string{"dead --help", "queue --help", "dead requeue --help", "queue drain --help"} {
		if r := invoke(t, strings.Fields(args)...).expect(t, exitDone); r.stdout == "" || r.stderr != "" {
			t.Errorf("%q: stdout %q, stderr %q", args, r.stdout, r.stderr)
		}
	}
}

func TestDeadWhereRedisRefuses(t *testing.T) {
	t.Parallel()
	invoke(t, "dead", "ls", "--redis", urlOf(redistest.FreeAddr(t))).expect(t, exitConnection, "cannot use Redis")
	client := embedded(t)
	q, err := queueadmin.Open(client, "x")
	if err != nil {
		t.Fatal(err)
	}
	importLetters(t, client, "x", letter("x", "failed"))
	if err := client.Set(t.Context(), q.CompanionKeys()["claims"], "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	invoke(t, "dead", "drop", "--all", "--yes", "--redis", urlOfClient(client)).expect(t, exitFailed, `queue "x": WRONGTYPE`, "kind claims", "dropped before: 0")
	invoke(t, "queue", "drain", "x", "--redis", urlOfClient(client)).expect(t, exitFailed, `queue "x": WRONGTYPE`)
	invoke(t, "queue", "ls", "remote-event:v1:x", "--redis", urlOfClient(client)).expect(t, exitUsage, "companion keys")
}

// TestListenBoundsDeadLetters checks that deleted dead letters are logged.
func TestListenBoundsDeadLetters(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	importLetters(t, client, "x", letter("1", "failed"), letter("2", "failed"), letter("3", "failed"))
	lines, stop, ended := listenInBackground(t, "x", "--dead-letter-limit", "2", "--dead-letter-age", "90s", "--redis", urlOfClient(client))
	q, err := queueadmin.Open(client, "x")
	if err != nil {
		t.Fatal(err)
	}
	for d, err := q.Stats(t.Context()); d.Dead != 1; d, err = q.Stats(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	push(t, client, "x", message("x", 1))
	readLine(t, lines)
	stop()
	(<-ended).expect(t, exitDone, "dead letters dropped", "dropped_in_all=2")
	invoke(t, "listen", "x", "--dead-letter-limit", "2", "--at-most-once").expect(t, exitUsage)
	invoke(t, "listen", "x", "--dead-letter-limit", "-2").expect(t, exitUsage, "must not be negative")
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func overwrite(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
