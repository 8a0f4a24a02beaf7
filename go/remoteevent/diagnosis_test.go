package remoteevent_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// expectDiagnoses checks that so much was found, in that order.
func expectDiagnoses(t *testing.T, found []remoteevent.Diagnosis, err error, want ...string) {
	t.Helper()
	must(t, err)
	if len(found) != len(want) {
		t.Errorf("found %+v, want %q", found, want)
		return
	}
	for i, words := range want {
		check, text, _ := strings.Cut(words, ": ")
		if found[i].Check != check || !strings.Contains(found[i].Error(), text) || found[i].Remedy == "" {
			t.Errorf("found %+v, want %q", found[i], words)
		}
	}
}

func TestDiagnosisOfAHealthyQueue(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q := queue(t, client)
		must(t, client.LPush(t.Context(), "file_event", "x").Err())
		for _, kind := range []string{"claims", "retries"} { // both are due
			must(t, client.ZAdd(t.Context(), q.Companions()[kind], redis.Z{Member: kind}).Err())
			must(t, client.HSet(t.Context(), q.Companions()["bodies"], kind, "body").Err())
		}
		before := fmt.Sprint(client.HGetAll(t.Context(), q.Companions()["bodies"]), client.ZRangeWithScores(t.Context(), q.Companions()["claims"], 0, -1))
		for _, options := range [][]remoteevent.QueueOption{
			nil, {remoteevent.AtMostOnce()}, {remoteevent.AtMostOnce(), remoteevent.WithDeadLetters(), remoteevent.WithPrefetch(10)},
		} {
			found, err := q.Diagnose(t.Context(), options...)
			expectDiagnoses(t, found, err)
			must(t, q.Check(t.Context(), options...))
		}
		if n := client.LLen(t.Context(), "file_event").Val(); n != 1 {
			t.Errorf("%d messages are left", n)
		}
		if keys := client.Keys(t.Context(), "*").Val(); len(keys) != 4 {
			t.Errorf("there are the keys %q", keys)
		}
		if after := fmt.Sprint(client.HGetAll(t.Context(), q.Companions()["bodies"]), client.ZRangeWithScores(t.Context(), q.Companions()["claims"], 0, -1)); after != before {
			t.Errorf("%s became %s", before, after)
		}
	})
}

func TestDiagnosisOfTypes(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q := queue(t, client)
		must(t, client.Set(t.Context(), "file_event", "x", 0).Err())
		must(t, client.LPush(t.Context(), q.Companions()["dead"], "x").Err())
		found, err := q.Diagnose(t.Context())
		expectDiagnoses(t, found, err,
			`type: the key "file_event" is a string, and has to be a list: WRONGTYPE`, `type: the key "`+q.Companions()["dead"]+`" is a list, and has to be a zset`)
		found, err = q.Diagnose(t.Context(), remoteevent.AtMostOnce())
		expectDiagnoses(t, found, err, `type: the key "file_event" is a string`)
	})
}

// TestDiagnosisOfPermissions: whatever single command is refused is named, and the
// rule that is printed permits all.
func TestDiagnosisOfPermissions(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	admin := redis.NewClient(&redis.Options{Addr: addr})
	defer admin.Close()
	user := redis.NewClient(&redis.Options{Addr: addr, Username: "anna", Password: "s3cret"})
	defer user.Close()
	permit := func(words ...string) {
		t.Helper()
		args := []any{"ACL", "SETUSER", "anna", "reset", "on", ">s3cret"}
		for _, w := range words {
			args = append(args, w)
		}
		must(t, admin.Do(t.Context(), args...).Err())
	}
	for _, name := range []string{"file_event", "a*[b]?\\c", "日本 \"{x}\"", "\x00 \t\xff'\u009b\u202e"} {
		q, err := remoteevent.NewQueue(user, name)
		must(t, err)
		for _, options := range [][]remoteevent.QueueOption{nil, {remoteevent.AtMostOnce(), remoteevent.WithPrefetch(1)}, {remoteevent.AtMostOnce(), remoteevent.WithDeadLetters()}} {
			permit(strings.Fields(q.Permissions(options...))...)
			found, err := q.Diagnose(t.Context(), options...)
			expectDiagnoses(t, found, err)
		}
		rule := strings.Fields(q.Permissions())
		for _, word := range rule {
			command, ok := strings.CutPrefix(word, "+")
			if !ok {
				continue
			}
			permit(append(rule, "-"+command)...)
			found, err := q.Diagnose(t.Context())
			must(t, err)
			if len(found) != 1 || found[0].Check != "permission" || !strings.Contains(found[0].Problem, "the user anna may not run") ||
				command != "eval" && command != "type" && !strings.Contains(found[0].Problem, " "+command+" ") ||
				!strings.Contains(found[0].Problem, command) || !strings.Contains(found[0].Remedy, "ACL SETUSER anna "+strings.Join(rule, " ")) {
				t.Errorf("without %s: %+v", command, found)
			}
			if err := q.Check(t.Context()); err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("without %s: %v", command, err)
			}
		}
		permit("+@all", rule[0])
		found, err := q.Diagnose(t.Context())
		must(t, err)
		if len(found) != 1 || found[0].Check != "permission" {
			t.Errorf("without the companions: %+v", found)
		}
	}
	q, err := remoteevent.NewQueue(user, `日本 "{x}"`)
	must(t, err)
	if rule := q.Permissions(remoteevent.AtMostOnce()); rule != `~日本??{x}? +brpop +rpop +rpush` {
		t.Error(rule)
	}
	found, err := q.Diagnose(t.Context(), remoteevent.AtMostOnce())
	expectDiagnoses(t, found, err, "permission: the user anna may not run brpop, rpop for the queue")
	found, err = remoteevent.DiagnoseServer(t.Context(), user)
	must(t, err)
	if len(found) != 0 { // +@all
		t.Errorf("found %+v", found)
	}
	permit(strings.Fields(q.Permissions())[2:]...)
	found, err = remoteevent.DiagnoseServer(t.Context(), user)
	expectDiagnoses(t, found, err, "server: +info")
	must(t, admin.Do(t.Context(), "ACL", "SETUSER", "anna", "off").Err())
	must(t, admin.Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err())
	if _, err := q.Diagnose(t.Context()); err != nil && !strings.Contains(err.Error(), "WRONGPASS") && !strings.Contains(err.Error(), "EOF") {
		t.Error(err)
	}
}

func TestDiagnosisOfServers(t *testing.T) {
	t.Parallel()
	addr, cluster := redistest.FreeAddr(t), redistest.FreeAddr(t)
	redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	diagnose := func(client redis.UniversalClient, want ...string) {
		t.Helper()
		found, err := remoteevent.DiagnoseServer(t.Context(), client)
		expectDiagnoses(t, found, err, want...)
	}
	diagnose(client)
	must(t, client.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
	diagnose(client, "eviction: maxmemory-policy is allkeys-lru: at maxmemory Redis deletes queues")
	must(t, client.ConfigSet(t.Context(), "maxmemory-policy", "volatile-ttl").Err())
	diagnose(client, "eviction: one step")
	must(t, client.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err())
	must(t, client.ReplicaOf(t.Context(), "127.0.0.1", "1").Err())
	diagnose(client, "replica: this Redis is a replica, of 127.0.0.1:1")
	found, err := queue(t, client).Diagnose(t.Context())
	expectDiagnoses(t, found, err, "replica: READONLY")
	if err := queue(t, client).Check(t.Context()); !redis.HasErrorPrefix(errors.Unwrap(err), "READONLY") {
		t.Errorf("check: %v", err)
	}
	redistest.Start(t, cluster, "--cluster-enabled", "yes", "--cluster-port", "0", "--port", strings.Split(cluster, ":")[1])
	node := redis.NewClient(&redis.Options{Addr: cluster})
	defer node.Close()
	diagnose(node, "cluster: a node of a cluster")
	found, err = queue(t, node).Diagnose(t.Context())
	expectDiagnoses(t, found, err, "script: CLUSTERDOWN")
	gone := redis.NewClient(&redis.Options{Addr: redistest.FreeAddr(t), DialerRetries: 1, MaxRetries: -1})
	defer gone.Close()
	if _, err := remoteevent.DiagnoseServer(t.Context(), gone); err == nil {
		t.Error("a server that is not there was asked")
	}
	if _, err := queue(t, gone).Diagnose(t.Context()); err == nil {
		t.Error("a server that is not there was asked about a queue")
	}
}

// TestDiagnosisAtTheStart: a receiver says by itself what will go wrong.
func TestDiagnosisAtTheStart(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	logged, option := newLog()
	user := redis.NewClient(&redis.Options{Addr: addr, Username: "anna", Password: "s3cret"})
	defer user.Close()
	r := receiver(t, user, option)
	must(t, remoteevent.Handle(r, func(context.Context, FileEvent) error { return nil }))
	start(t, r)
	logged.wait(t, "cannot receive for now")
	redistest.Start(t, addr, "--maxmemory-policy", "allkeys-lru", "--user", "anna", "on", ">s3cret", "~*", "+@all", "-rpush")
	if line := logged.wait(t, "maxmemory-policy"); !strings.Contains(line, "level=WARN") || !strings.Contains(line, "check=eviction") {
		t.Error(line)
	}
	line := logged.wait(t, "may not run rpush")
	for _, words := range []string{"level=ERROR", "check=permission", "ACL SETUSER anna ~file_event", `the queue \"file_event\"`} {
		if !strings.Contains(line, words) {
			t.Errorf("it lacks %q: %s", words, line)
		}
	}
}

// TestDiagnosisOfPasswords: no rule is printed where another password is needed.
func TestDiagnosisOfPasswords(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr, "--requirepass", "s3cret", "--user", "anna", "off", ">s3cret", "~*", "+@all")
	for words, options := range map[string]*redis.Options{
		"rejects the user name or password": {Password: "wr0ng"},
		"WRONGPASS":                         {Username: "anna", Password: "s3cret"}, // she is off
		"requires a password":               {},
		"authentication":                    {CredentialsProvider: func() (string, string) { return "anna", "wr0ng" }},
	} {
		options.Addr = addr
		client := redis.NewClient(options)
		defer client.Close()
		found, err := remoteevent.DiagnoseServer(t.Context(), client)
		for _, option := range [][]remoteevent.QueueOption{nil, {remoteevent.AtMostOnce()}, {remoteevent.AtMostOnce(), remoteevent.WithDeadLetters()}} {
			more, err := queue(t, client).Diagnose(t.Context(), option...)
			must(t, err)
			found = append(found, more...)
		}
		must(t, err)
		if len(found) != 4 {
			t.Errorf("%s: found %+v", words, found)
		}
		for _, d := range found {
			text := d.Check + d.Error()
			if d.Check != "authentication" || d.Warning || !strings.Contains(text, words) || strings.Contains(text, "ACL") || strings.Contains(text, "wr0ng") {
				t.Errorf("%s: found %+v", words, d)
			}
		}
		logged, option := newLog()
		r := receiver(t, client, option)
		must(t, r.Queues("file_event"))
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

// TestDiagnosisNamesTheUser: the rule is for the user that Redis takes the client
// for, wherever its credentials come from.
func TestDiagnosisNamesTheUser(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr, "--user", "anna", "on", ">s3cret", "~*", "+@all", "-rpush", "-brpop",
		"--user", "mute", "on", ">s3cret", "~*", "+@all", "-rpush", "-brpop", "-acl")
	credentials := func(name string) func() (string, string) {
		return func() (string, string) { return name, "s3cret" }
	}
	for _, c := range []struct {
		name, words string
		options     redis.Options
	}{
		{"provider", "ACL SETUSER anna ", redis.Options{CredentialsProvider: credentials("anna")}},
		{"provider with a context", "ACL SETUSER anna ", redis.Options{CredentialsProviderContext: func(context.Context) (string, string, error) { return "anna", "s3cret", nil }}},
		{"a user name", "ACL SETUSER mute ", redis.Options{Username: "mute", Password: "s3cret"}},
		{"provider of a user who may not ask", "with the name of that user for USER: ACL SETUSER USER ", redis.Options{CredentialsProvider: credentials("mute")}},
	} {
		c.options.Addr = addr
		client := redis.NewClient(&c.options)
		defer client.Close()
		for _, option := range [][]remoteevent.QueueOption{nil, {remoteevent.AtMostOnce()}} {
			found, err := queue(t, client).Diagnose(t.Context(), option...)
			must(t, err)
			if len(found) != 1 || found[0].Check != "permission" || !strings.Contains(found[0].Remedy, c.words) || strings.Contains(found[0].Error(), "default") {
				t.Errorf("%s: found %+v", c.name, found)
			}
		}
	}
}
