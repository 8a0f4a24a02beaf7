package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

func TestQueuePeek(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		push(t, client, "x", message("x", 1), message("y", 2), "garbage "+hostile)
		q, err := queueadmin.Open(client, "x")
		if err != nil {
			t.Fatal(err)
		}
		push(t, client, q.CompanionKeys()["staging"], message("x", 0))
		r := invoke(t, "queue", "peek", "x", "--redis", url).expect(t, exitDone)
		expectHarmless(t, "queue peek", r.stdout)
		lines := strings.Split(r.stdout, "\n")
		for i, want := range []string{"staged   x {", "queued   x {", "queued   y {", "queued   x malformed garbage"} {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("line %d is %q, want %q", i, lines[i], want)
			}
		}
		if !strings.Contains(lines[2], "queue=x") {
			t.Errorf("the queue is missing: %s", lines[2])
		}
		one := invoke(t, "queue", "peek", "x", "--state", "queued", "--limit", "1", "-o", "ndjson", "--redis", url).expect(t, exitDone)
		var got peeked
		if err := json.Unmarshal([]byte(one.stdout), &got); err != nil || string(got.Message) != message("x", 1) || got.State != "queued" || got.EventName != "x" {
			t.Errorf("%v: %s", err, one.stdout)
		}
		if n := client.LLen(t.Context(), "x").Val(); n != 3 {
			t.Errorf("%d messages are left", n)
		}
		invoke(t, "queue", "peek", "x", "--state", "leased", "--redis", url).expect(t, exitNothing, "no such message")
		invoke(t, "queue", "peek", "nix", "--redis", url).expect(t, exitNothing, `"nix" does not exist`)
		invoke(t, "queue", "peek", "x", "--state", "dead", "--redis", url).expect(t, exitUsage, `there is no state "dead"`, "retrying")
		invoke(t, "queue", "peek", "x", "--limit", "0", "--redis", url).expect(t, exitUsage, "--limit")
		invoke(t, "queue", "peek", "--redis", url).expect(t, exitUsage, "name a queue")
	})
}

func TestQueueShow(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		push(t, client, "x", message("x", 1))
		invoke(t, "send", "y", "{}", "--redis", url).expect(t, exitDone)
		importLetters(t, client, "x", letter("a", "schema"), letter("b", "failed"), letter("c", "schema"))
		r := invoke(t, "queue", "show", "x", "y", "--interval", "1ms", "--redis", url).expect(t, exitDone)
		for _, want := range []string{
			"x\n  queued            1  the next has no time; the same message is next after 0s\n",
			"  dead              3  schema 2, failed 1\n", "; the next was sent ",
		} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("%q is missing in\n%s", want, r.stdout)
			}
		}
		lines := invoke(t, "queue", "show", "nix", "x", "-o", "ndjson", "--redis", url).expect(t, exitNothing, `"nix" does not exist`)
		for _, want := range []string{`{"queue":"x","queued":1,"staged":0,"leased":0,"retrying":0,"dead":3,"bytes":`, `,"next_bytes":61,"dead_by_reason":{"failed":1,"schema":2}`} {
			if !strings.Contains(lines.stdout, want) {
				t.Errorf("got  %s\nwant %s", lines.stdout, want)
			}
		}
		invoke(t, "queue", "show", "x", "--interval", "-1s", "--redis", url).expect(t, exitUsage, "negative")
	})
}

func TestQueuePurge(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		push(t, client, "x", message("x", 1), message("x", 2))
		invoke(t, "queue", "purge", "x", "--redis", url).expect(t, exitUsage, "--yes")
		if r := invoke(t, "queue", "purge", "x", "--dry-run", "--redis", url).expect(t, exitDone); r.stdout != "x: would purge 2\n" {
			t.Errorf("got %s", r.stdout)
		}
		r := invoke(t, "queue", "purge", "nix", "x", "--yes", "-o", "ndjson", "--redis", url).expect(t, exitNothing, `"nix" does not exist`)
		if r.stdout != `{"queue":"x","purged":2}`+"\n" || client.LLen(t.Context(), "x").Val() != 0 {
			t.Errorf("got %s", r.stdout)
		}
	})
}

func TestQueueMove(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		push(t, client, "x", message("x", 1), message("x", 2), message("x", 3))
		if r := invoke(t, "queue", "move", "x", "y", "--limit", "2", "--redis", url).expect(t, exitDone); r.stdout != "moved 2 from x to y\n" {
			t.Errorf("got %s", r.stdout)
		}
		if r := invoke(t, "queue", "move", "x", "y", "-o", "ndjson", "--redis", url).expect(t, exitDone); r.stdout != `{"source":"x","destination":"y","moved":1}`+"\n" {
			t.Errorf("got %s", r.stdout)
		}
		if got := client.LRange(t.Context(), "y", 0, -1).Val(); len(got) != 3 || got[2] != message("x", 1) {
			t.Errorf("moved %q", got)
		}
		invoke(t, "queue", "move", "x", "y", "--redis", url).expect(t, exitNothing, `"x" does not exist`)
		invoke(t, "queue", "move", "y", "y", "--redis", url).expect(t, exitUsage, "the same queue")
		invoke(t, "queue", "move", "y", "--redis", url).expect(t, exitUsage, "the source and the destination")
	})
}

func TestAgo(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for d, want := range map[time.Duration]string{
		0: "now", -900 * time.Millisecond: "now", 61*time.Second + time.Millisecond: "1m1s ago", -90 * time.Minute: "in 1h30m",
		49 * time.Hour: "2d1h ago", 1000 * time.Hour: "41d ago",
	} {
		if got := ago(now, now.Add(-d)); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
