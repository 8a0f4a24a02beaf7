package remoteevent_test

import (
	"context"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// TestDiagnosisAtTheStart checks that a receiver logs the problems that it detects at its start.
func TestDiagnosisAtTheStart(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	logged, option := newLog()
	user := redis.NewClient(&redis.Options{Addr: addr, Username: "anna", Password: "s3cret"})
	defer user.Close()
	mux, r := receiver(t, user, option)
	must(t, remoteevent.Handle(mux, func(context.Context, FileEvent) error { return nil }))
	start(t, r)
	logged.wait(t, "cannot receive; retrying")
	redistest.Start(t, addr, "--maxmemory-policy", "allkeys-lru", "--user", "anna", "on", ">s3cret", "~*", "+@all", "-rpush")
	if line := logged.wait(t, "maxmemory-policy"); !strings.Contains(line, "level=WARN") || !strings.Contains(line, "check=eviction") {
		t.Error(line)
	}
	line := logged.wait(t, "may not run rpush")
	for _, words := range []string{"level=ERROR", "check=permission", "ACL SETUSER anna ~file_event", `the queue \"file_event\"`} {
		if !strings.Contains(line, words) {
			t.Errorf("the line lacks %q: %s", words, line)
		}
	}
}

// TestPasswordsAtTheStart checks that a receiver logs a missing password once, and no rule.
func TestPasswordsAtTheStart(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr, "--requirepass", "s3cret", "--user", "anna", "off", ">s3cret", "~*", "+@all")
	for words, options := range map[string]*redis.Options{
		"rejects the user name or password": {Password: "wr0ng"},
		"WRONGPASS":                         {Username: "anna", Password: "s3cret"}, // the user is disabled
		"requires a password":               {},
		"authentication":                    {CredentialsProvider: func() (string, string) { return "anna", "wr0ng" }},
	} {
		options.Addr = addr
		client := redis.NewClient(options)
		defer client.Close()
		logged, option := newLog()
		_, r := receiver(t, client, option, remoteevent.WithQueues("file_event"))
		stop := start(t, r)
		if line := logged.wait(t, "check=authentication"); !strings.Contains(line, "level=ERROR") {
			t.Errorf("%s: %s", words, line)
		}
		must(t, stop())
		if text := logged.String(); strings.Contains(text, "ACL SETUSER") || strings.Contains(text, "check=permission") || strings.Contains(text, "acl=") || strings.Count(text, "check=") != 1 {
			t.Errorf("%s: %s", words, text)
		}
	}
}
