package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

func TestDoctorOfHealthyQueues(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		// The embedded Redis does not say what it is.
		if r := invoke(t, "doctor", "--redis", url).expect(t, exitDone); !strings.HasSuffix(r.stdout, "there is no queue\n") {
			t.Errorf("got %s", r.stdout)
		}
		push(t, client, "x", message("x", 1))
		importLetters(t, client, "日本 {x}", letter("x", "failed"))
		r := invoke(t, "doctor", "--redis", url).expect(t, exitDone)
		for _, want := range []string{url, "queue x: 1 queued, 0 staged, 0 leased, 0 retrying, 0 dead; no problem found\n", `queue "日本 {x}": 0 queued, 0 staged, 0 leased, 0 retrying, 1 dead` + "\n  warning dead        dead letters wait for an operator: 1\n"} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("it lacks %q:\n%s", want, r.stdout)
			}
		}
		expectLength(t, client, "x", 1)
	})
}

// TestDoctorRepairs: what is found is explained, and left alone until --repair.
func TestDoctorRepairs(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		url := urlOfClient(client)
		ids := importLetters(t, client, "x", letter("one", "failed"), letter("two", "failed"), letter("three", "failed"))
		q, err := queueadmin.Open(client, "x")
		if err != nil {
			t.Fatal(err)
		}
		keys := q.CompanionKeys()
		for _, err := range []error{
			client.ZRem(t.Context(), keys["dead"], ids[0]).Err(),
			client.HDel(t.Context(), keys["bodies"], ids[1]).Err(),
			client.ZAdd(t.Context(), keys["retries"], redis.Z{Member: "ghost", Score: 1}).Err(),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			r := invoke(t, "doctor", "x", "--redis", url).expect(t, exitFindings)
			for _, want := range []string{ids[0] + ": the message is neither leased", ids[1] + ": the message is gone", "ghost: the message is gone", "fault", "doctor --repair"} {
				if !strings.Contains(r.stdout, want) {
					t.Errorf("it lacks %q:\n%s", want, r.stdout)
				}
			}
		}
		r := invoke(t, "doctor", "x", "--repair", "-o", "json", "--redis", url).expect(t, exitDone)
		var c checkup
		if err := json.Unmarshal([]byte(r.stdout), &c); err != nil || len(c.Queues) != 1 || c.Queues[0].Repaired != 3 || len(c.Queues[0].Findings) != 4 || !c.Queues[0].Findings[0].Repaired {
			t.Errorf("%v: %s", err, r.stdout)
		}
		if d, err := q.Stats(t.Context()); err != nil || d != (queueadmin.Stats{Retrying: 1, Dead: 1}) {
			t.Errorf("%+v, %v", d, err)
		}
		if r := invoke(t, "doctor", "x", "--redis", url).expect(t, exitDone); strings.Contains(r.stdout, "fault") {
			t.Errorf("got %s", r.stdout)
		}
	})
}

func TestDoctorOfMany(t *testing.T) {
	t.Parallel()
	client := embedded(t)
	q, err := queueadmin.Open(client, "x")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1500 {
		if err := client.HSet(t.Context(), q.CompanionKeys()["bodies"], fmt.Sprint(i), "x").Err(); err != nil {
			t.Fatal(err)
		}
	}
	r := invoke(t, "doctor", "--redis", urlOfClient(client)).expect(t, exitFindings)
	if n := strings.Count(r.stdout, "\n"); n > 30 || !strings.Contains(r.stdout, "and 1480 more messages") {
		t.Errorf("%d lines: %s", n, r.stdout)
	}
	if r := invoke(t, "doctor", "--repair", "--redis", urlOfClient(client)).expect(t, exitDone); !strings.Contains(r.stdout, "repaired 1500\n") {
		t.Errorf("got %s", r.stdout)
	}
}

func TestDoctorExplains(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr, "--maxmemory-policy", "allkeys-lru", "--user", "anna", "on", ">"+password, "~*", "+@all", "-rpush", "-zscan")
	admin := redis.NewClient(&redis.Options{Addr: addr})
	defer admin.Close()
	push(t, admin, "x", message("x", 1))
	if err := admin.Set(t.Context(), "y", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	r := invoke(t, "doctor", "x", "y", "--redis", "redis://anna:"+password+"@"+addr).expect(t, exitFindings)
	for _, want := range []string{
		"warning eviction    maxmemory-policy is allkeys-lru", "CONFIG SET maxmemory-policy noeviction",
		`fault   permission  the user anna may not run rpush for the queue "x"`, "ACL SETUSER anna ~x ~remote-event:v1:{x}:* +blmove",
		"warning audit       the keys of the messages cannot be compared: audit queue \"x\": NOPERM", `fault   type        the key "y" is a string, and must be a list: WRONGTYPE`,
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("it lacks %q:\n%s", want, r.stdout)
		}
	}
	if strings.Contains(r.stdout, password) {
		t.Errorf("the password is shown: %s", r.stdout)
	}
	if r := invoke(t, "doctor", "x", "--redis", urlOf(addr)).expect(t, exitDone); !strings.Contains(r.stdout, "warning") {
		t.Errorf("got %s", r.stdout)
	}
	invoke(t, "listen", "x", "--count", "1", "--redis", "redis://anna:"+password+"@"+addr).expect(t, exitConnection, "may not run rpush", "ACL SETUSER anna")
	expectLength(t, admin, "x", 1)
	invoke(t, "doctor", "--redis", urlOf(redistest.FreeAddr(t))).expect(t, exitConnection)
}
