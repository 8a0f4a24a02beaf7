package main

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// The printed rule is for the user that asks, and suffices for its role.
func TestACL(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	admin := redis.NewClient(&redis.Options{Addr: addr})
	defer admin.Close()
	run := func(line string) {
		t.Helper()
		var args []any
		for word := range strings.FieldsSeq(line) {
			args = append(args, word)
		}
		if err := admin.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	run("ACL SETUSER anna reset on >" + password)
	url := "redis://anna:" + password + "@" + addr
	invoke(t, "send", "x", "{}", "--redis", url).expect(t, exitConnection, "NOPERM")
	r := invoke(t, "acl", "x", "y", "--role", "sender", "--redis", url).expect(t, exitDone)
	if r.stdout != "ACL SETUSER anna ~x ~y +lpush\n" {
		t.Fatalf("got %s", r.stdout)
	}
	run(strings.TrimSpace(r.stdout))
	invoke(t, "send", "x", "{}", "--redis", url).expect(t, exitDone)
	invoke(t, "listen", "x", "--count", "1", "--redis", url).expect(t, exitConnection, "ACL SETUSER anna")
	run(strings.TrimSpace(invoke(t, "acl", "x", "--role", "receiver-at-least-once", "--redis", url).expect(t, exitDone).stdout))
	invoke(t, "listen", "x", "--count", "1", "--redis", url).expect(t, exitDone)

	all := invoke(t, "acl", "x", "--user", "bob").expect(t, exitDone)
	if got := strings.Count(all.stdout, "ACL SETUSER bob ~x"); got != 7 {
		t.Errorf("%d rules:\n%s", got, all.stdout)
	}
	lines := invoke(t, "acl", "a b", "--user", "bob", "--role", "sender", "-o", "ndjson").expect(t, exitDone)
	if want := `{"role":"sender","user":"bob","queues":["a b"],"rule":"~a?b +lpush"}` + "\n"; lines.stdout != want {
		t.Errorf("got %s", lines.stdout)
	}
	invoke(t, "acl", "x", "--role", "king").expect(t, exitUsage, `there is no role "king"`, "viewer")
	invoke(t, "acl", "x", "--user", "a b").expect(t, exitUsage, "white space")
	invoke(t, "acl", "remote-event:v1:x", "--user", "a").expect(t, exitUsage, "remote-event:v1:")
	invoke(t, "acl").expect(t, exitUsage, "name a queue")
}
