package queueadmin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// receivers are the roles of receivers.
var receivers = []queueadmin.Role{
	queueadmin.ReceiverAtLeastOnce, queueadmin.ReceiverAtMostOnce, queueadmin.ReceiverAtMostOnceWithDeadLetters, queueadmin.OriginalReceiver,
}

func rule(t *testing.T, role queueadmin.Role, queues ...string) string {
	t.Helper()
	rule, err := queueadmin.Rule(role, queues...)
	must(t, err)
	return rule
}

// expectDiagnoses checks the number, order and texts of the diagnoses.
func expectDiagnoses(t *testing.T, found []queueadmin.Diagnosis, err error, want ...string) {
	t.Helper()
	must(t, err)
	if len(found) != len(want) {
		t.Errorf("found %+v, want %q", found, want)
		return
	}
	for i, words := range want {
		check, text, _ := strings.Cut(words, ": ")
		if string(found[i].Check) != check || !strings.Contains(found[i].Error(), text) || found[i].Remedy == "" {
			t.Errorf("found %+v, want %q", found[i], words)
		}
	}
}

func TestDiagnosisOfAHealthyQueue(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q := open(t, client, "file_event")
		must(t, client.LPush(t.Context(), "file_event", "x").Err())
		for _, kind := range []string{"claims", "retries"} { // both are due
			must(t, client.ZAdd(t.Context(), q.CompanionKeys()[kind], redis.Z{Member: kind}).Err())
			must(t, client.HSet(t.Context(), q.CompanionKeys()["bodies"], kind, "body").Err())
		}
		before := fmt.Sprint(client.HGetAll(t.Context(), q.CompanionKeys()["bodies"]), client.ZRangeWithScores(t.Context(), q.CompanionKeys()["claims"], 0, -1))
		for _, role := range receivers {
			found, err := q.Diagnose(t.Context(), role)
			expectDiagnoses(t, found, err)
			must(t, q.Check(t.Context(), role))
		}
		if n := client.LLen(t.Context(), "file_event").Val(); n != 1 {
			t.Errorf("%d messages remain", n)
		}
		if keys := client.Keys(t.Context(), "*").Val(); len(keys) != 4 {
			t.Errorf("keys = %q", keys)
		}
		if after := fmt.Sprint(client.HGetAll(t.Context(), q.CompanionKeys()["bodies"]), client.ZRangeWithScores(t.Context(), q.CompanionKeys()["claims"], 0, -1)); after != before {
			t.Errorf("%s became %s", before, after)
		}
	})
}

func TestDiagnosisOfTypes(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q := open(t, client, "file_event")
		must(t, client.Set(t.Context(), "file_event", "x", 0).Err())
		must(t, client.LPush(t.Context(), q.CompanionKeys()["dead"], "x").Err())
		found, err := q.Diagnose(t.Context(), queueadmin.ReceiverAtLeastOnce)
		expectDiagnoses(t, found, err,
			`type: the key "file_event" is a string, and must be a list: WRONGTYPE`, `type: the key "`+q.CompanionKeys()["dead"]+`" is a list, and must be a zset`)
		found, err = q.Diagnose(t.Context(), queueadmin.ReceiverAtMostOnce)
		expectDiagnoses(t, found, err, `type: the key "file_event" is a string`)
	})
}

// TestDiagnosisOfPermissions checks that the diagnosis names every denied command, and that
// the printed rule permits all of them.
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
		q, err := queueadmin.Open(user, name)
		must(t, err)
		for _, role := range receivers {
			permit(strings.Fields(rule(t, role, name))...)
			found, err := q.Diagnose(t.Context(), role)
			expectDiagnoses(t, found, err)
		}
		rule := strings.Fields(rule(t, queueadmin.ReceiverAtLeastOnce, name))
		for _, word := range rule {
			command, ok := strings.CutPrefix(word, "+")
			if !ok {
				continue
			}
			permit(append(rule, "-"+command)...)
			found, err := q.Diagnose(t.Context(), queueadmin.ReceiverAtLeastOnce)
			must(t, err)
			if len(found) != 1 || found[0].Check != "permission" || !strings.Contains(found[0].Problem, "the user anna may not run") ||
				command != "eval" && command != "type" && !strings.Contains(found[0].Problem, " "+command+" ") ||
				!strings.Contains(found[0].Problem, command) || !strings.Contains(found[0].Remedy, "ACL SETUSER anna "+strings.Join(rule, " ")) {
				t.Errorf("without %s: %+v", command, found)
			}
			if err := q.Check(t.Context(), queueadmin.ReceiverAtLeastOnce); err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("without %s: %v", command, err)
			}
		}
		permit("+@all", rule[0])
		found, err := q.Diagnose(t.Context(), queueadmin.ReceiverAtLeastOnce)
		must(t, err)
		if len(found) != 1 || found[0].Check != "permission" {
			t.Errorf("without the companion keys: %+v", found)
		}
	}
	q, err := queueadmin.Open(user, `日本 "{x}"`)
	must(t, err)
	if rule := rule(t, queueadmin.ReceiverAtMostOnce, q.Name()); rule != `~日本??{x}? +brpop +rpop +rpush` {
		t.Error(rule)
	}
	found, err := q.Diagnose(t.Context(), queueadmin.ReceiverAtMostOnce)
	expectDiagnoses(t, found, err, "permission: the user anna may not run brpop, rpop for the queue")
	found, err = queueadmin.DiagnoseServer(t.Context(), user)
	must(t, err)
	if len(found) != 0 { // +@all
		t.Errorf("found %+v", found)
	}
	permit(strings.Fields(rule(t, queueadmin.ReceiverAtLeastOnce, q.Name()))[2:]...)
	found, err = queueadmin.DiagnoseServer(t.Context(), user)
	expectDiagnoses(t, found, err, "server: +info")
	must(t, admin.Do(t.Context(), "ACL", "SETUSER", "anna", "off").Err())
	must(t, admin.Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err())
	if _, err := q.Diagnose(t.Context(), queueadmin.ReceiverAtLeastOnce); err != nil && !strings.Contains(err.Error(), "WRONGPASS") && !strings.Contains(err.Error(), "EOF") {
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
		found, err := queueadmin.DiagnoseServer(t.Context(), client)
		expectDiagnoses(t, found, err, want...)
	}
	diagnose(client)
	must(t, client.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
	diagnose(client, "eviction: maxmemory-policy is allkeys-lru: at maxmemory Redis deletes queues")
	must(t, client.ConfigSet(t.Context(), "maxmemory-policy", "volatile-ttl").Err())
	diagnose(client, "eviction: maxmemory-policy is volatile-ttl: close to")
	must(t, client.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err())
	must(t, client.ReplicaOf(t.Context(), "127.0.0.1", "1").Err())
	diagnose(client, "replica: this Redis is a replica of 127.0.0.1:1")
	found, err := open(t, client, "file_event").Diagnose(t.Context(), queueadmin.ReceiverAtLeastOnce)
	expectDiagnoses(t, found, err, "replica: READONLY")
	if err := open(t, client, "file_event").Check(t.Context(), queueadmin.ReceiverAtLeastOnce); !redis.HasErrorPrefix(errors.Unwrap(err), "READONLY") {
		t.Errorf("check: %v", err)
	}
	redistest.Start(t, cluster, "--cluster-enabled", "yes")
	node := redis.NewClient(&redis.Options{Addr: cluster})
	defer node.Close()
	diagnose(node, "cluster: a node of a cluster")
	found, err = open(t, node, "file_event").Diagnose(t.Context(), queueadmin.ReceiverAtLeastOnce)
	expectDiagnoses(t, found, err, "script: CLUSTERDOWN")
	gone := redis.NewClient(&redis.Options{Addr: redistest.FreeAddr(t), DialerRetries: 1, MaxRetries: -1})
	defer gone.Close()
	if _, err := queueadmin.DiagnoseServer(t.Context(), gone); err == nil {
		t.Error("no error without a server")
	}
	if _, err := open(t, gone, "file_event").Diagnose(t.Context(), queueadmin.ReceiverAtLeastOnce); err == nil {
		t.Error("no error without a server for a queue")
	}
}

// TestDiagnosisOfPasswords checks that no rule is printed if the credentials are wrong.
func TestDiagnosisOfPasswords(t *testing.T) {
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
		found, err := queueadmin.DiagnoseServer(t.Context(), client)
		for _, role := range receivers {
			more, err := open(t, client, "file_event").Diagnose(t.Context(), role)
			must(t, err)
			found = append(found, more...)
		}
		must(t, err)
		if len(found) != 5 {
			t.Errorf("%s: found %+v", words, found)
		}
		for _, d := range found {
			text := string(d.Check) + d.Error()
			if d.Check != "authentication" || d.Warning || !strings.Contains(text, words) || strings.Contains(text, "ACL") || strings.Contains(text, "wr0ng") {
				t.Errorf("%s: found %+v", words, d)
			}
		}
	}
}

// TestDiagnosisNamesTheUser checks that the rule names the client's user in Redis, whatever
// the source of its credentials is.
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
		{"provider of a user who may not ask", "with the user's name for USER: ACL SETUSER USER ", redis.Options{CredentialsProvider: credentials("mute")}},
	} {
		c.options.Addr = addr
		client := redis.NewClient(&c.options)
		defer client.Close()
		for _, role := range receivers {
			found, err := open(t, client, "file_event").Diagnose(t.Context(), role)
			must(t, err)
			if len(found) != 1 || found[0].Check != "permission" || !strings.Contains(found[0].Remedy, c.words) || strings.Contains(found[0].Error(), "default") {
				t.Errorf("%s: found %+v", c.name, found)
			}
		}
	}
}
