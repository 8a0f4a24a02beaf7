package queueadmin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// TestRules checks that the rule of each role permits its commands, and no others.
func TestRules(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	admin := redis.NewClient(&redis.Options{Addr: addr})
	defer admin.Close()
	user := redis.NewClient(&redis.Options{Addr: addr, Username: "anna", Password: "s3cret"})
	defer user.Close()
	own, foreign := open(t, user, "a"), open(t, user, "b")
	work := workOf(t, user)
	may := map[queueadmin.Role][]string{
		queueadmin.Sender: {"send"}, queueadmin.OriginalReceiver: {"receive"}, queueadmin.ReceiverAtMostOnce: {"receive"},
		queueadmin.ReceiverAtMostOnceWithDeadLetters: {"receive"}, queueadmin.ReceiverAtLeastOnce: nil,
		queueadmin.Viewer: {"view"}, queueadmin.Operator: {"view", "operate", "send"},
	}
	for _, role := range queueadmin.Roles() {
		args := []any{"ACL", "SETUSER", "anna", "reset", "on", ">s3cret"}
		for word := range strings.FieldsSeq(rule(t, role, "a", "c")) {
			args = append(args, word)
		}
		for name, do := range work {
			situation(t, admin, own)
			must(t, admin.Do(t.Context(), args...).Err())
			permitted := slices.Contains(may[role], name)
			if err := do(t.Context(), own); permitted != (err == nil) {
				t.Errorf("%s, %s: permitted %v: %v", role, name, permitted, err)
			}
			if err := do(t.Context(), foreign); err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "ACL") {
				t.Errorf("%s, %s of another queue: %v", role, name, err)
			}
		}
	}
	for words, err := range map[string]error{
		`there is no role "king"`:  second(queueadmin.Rule("king", "a")),
		"name at least one queue":  second(queueadmin.Rule(queueadmin.Sender)),
		"a sender: queue \"remote": second(queueadmin.Rule(queueadmin.Sender, "a", "remote-event:v1:x")),
	} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want %s", err, words)
		}
	}
	if _, err := open(t, admin, "a").Diagnose(t.Context(), queueadmin.Sender); err == nil || !strings.Contains(err.Error(), `diagnose queue "a": "sender" is no role of a receiver`) {
		t.Errorf("got %v", err)
	}
}

// workOf returns the work of the roles with the client of a user.
func workOf(t *testing.T, user *redis.Client) map[string]func(ctx context.Context, q *queueadmin.Queue) error {
	t.Helper()
	return map[string]func(ctx context.Context, q *queueadmin.Queue) error{
		"send":    func(ctx context.Context, q *queueadmin.Queue) error { return user.LPush(ctx, q.Name(), "x").Err() },
		"receive": func(ctx context.Context, q *queueadmin.Queue) error { return user.BRPop(ctx, 0, q.Name()).Err() },
		"view": func(ctx context.Context, q *queueadmin.Queue) error {
			errs := []error{second(q.Stats(ctx)), second(q.Exists(ctx)), second(queueadmin.FindQueues(ctx, user)), second(queueadmin.DiagnoseServer(ctx, user))}
			_, _, err := q.NextRetry(ctx)
			errs = append(errs, err)
			errs = append(errs, observeTwice(ctx, t, user, q.Name()))
			for _, err := range q.Peek(ctx, 0) {
				errs = append(errs, err)
			}
			for _, err := range q.DeadLetters(ctx) {
				errs = append(errs, err)
			}
			for death, err := range q.LatestDeaths(ctx, time.Time{}) {
				errs = append(errs, err)
				for _, err := range q.SummariesByID(ctx, death.ID) {
					errs = append(errs, err)
				}
			}
			for _, err := range q.Audit(ctx) {
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		},
		"operate": func(ctx context.Context, q *queueadmin.Queue) error {
			ids, err := q.Import(ctx, queueadmin.DeadLetter{Raw: []byte("x")}, queueadmin.DeadLetter{Raw: []byte("y")})
			if err != nil {
				return err
			}
			return errors.Join(second(q.Requeue(ctx, ids[0])), second(q.Drop(ctx, ids[1])), second(q.Repair(ctx, "1-lost-1-1001", "1-unexplained-1-1001", "nothing")), second(q.Drain(ctx)),
				second(q.Move(ctx, open(t, user, "c"), 1)), second(q.Purge(ctx)))
		},
	}
}

// situation makes the queue "a" with messages of all states.
func situation(t *testing.T, admin *redis.Client, q *queueadmin.Queue) {
	t.Helper()
	must(t, admin.FlushAll(t.Context()).Err())
	must(t, admin.LPush(t.Context(), "a", "x", `{"data": {}, "signals": ["a"], "metadata": {"id": "1"}}`).Err())
	keys := q.CompanionKeys()
	must(t, admin.LPush(t.Context(), keys["staging"], "z").Err())
	must(t, admin.HSet(t.Context(), keys["bodies"], "1-unexplained-1-1001", "x").Err())
	must(t, admin.HSet(t.Context(), keys["attempts"], "1-unexplained-1-1001", "1 0").Err())
	must(t, admin.ZAdd(t.Context(), keys["dead"], redis.Z{Member: "1-unexplained-1-1001", Score: 1}).Err())
	must(t, admin.HSet(t.Context(), keys["bodies"], "1-lost-1-1001", "x").Err())
	must(t, admin.ZAdd(t.Context(), keys["claims"], redis.Z{Member: "1-held-1", Score: 1e13}).Err())
	must(t, admin.HSet(t.Context(), keys["bodies"], "1-held-1-1001", "x", "1-retried-1-1001", "y").Err())
	must(t, admin.ZAdd(t.Context(), keys["retries"], redis.Z{Member: "1-retried-1-1001", Score: 1e13}).Err())
	must(t, admin.HSet(t.Context(), keys["attempts"], "1-retried-1-1001", "1 0").Err())
}

// TestRulesHoldNothingUnused: the work of an operator and of a viewer uses each command of
// their rules, so that one permission less does not suffice.
func TestRulesHoldNothingUnused(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	q := open(t, client, "a")
	work := workOf(t, client)
	for role, parts := range map[queueadmin.Role][]string{queueadmin.Viewer: {"view"}, queueadmin.Operator: {"view", "operate"}} {
		situation(t, client, q)
		must(t, client.ScriptFlush(t.Context()).Err())
		must(t, client.ConfigResetStat(t.Context()).Err())
		for _, part := range parts {
			must(t, work[part](t.Context(), q))
		}
		used := client.Info(t.Context(), "commandstats").Val()
		for word := range strings.FieldsSeq(rule(t, role, "a")) {
			if command, ok := strings.CutPrefix(word, "+"); ok && !strings.Contains(used, "cmdstat_"+command+":") {
				t.Errorf("%s: nothing uses %s", role, command)
			}
		}
	}
}
