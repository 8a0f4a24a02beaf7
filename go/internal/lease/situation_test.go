package lease

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// prepare puts messages of every state into an empty Redis, and returns calls of all scripts
// that change data, with one attempt each.
func prepare(t *testing.T, client redis.UniversalClient, q *Queue) map[string]scriptCall {
	t.Helper()
	if err := client.FlushDB(background).Err(); err != nil {
		t.Fatal(err)
	}
	claim := func(count int) []Message {
		for i := range count {
			client.LPush(background, q.Name, fmt.Sprint(count, "-", i))
		}
		answer := q.Exchange(background, Exchange{Claim: &Claim{Lease: 100 * time.Hour, Count: count, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 3}})
		if answer.Err != nil || len(answer.Claimed.Messages) != count {
			t.Fatal(answer)
		}
		return answer.Claimed.Messages
	}
	exchange := func(x Exchange) []Message {
		answer := q.Exchange(background, x)
		if answer.Err != nil || len(answer.NackLost) > 0 {
			t.Fatal(answer)
		}
		return answer.Claimed.Messages
	}
	// A held retry, a held suspect and a waiting suspect.
	later := claim(1)
	exchange(Exchange{Nack: []Nack{{later[0].Handle, 0, "why"}}, Finished: []string{later[0].Claim}})
	pass(t, client, q, time.Millisecond)
	retry := exchange(Exchange{Claim: &Claim{Lease: 100 * time.Hour, Count: 1, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 3}})
	// A message is a suspect after two expired claims: two are suspects, and two are held as
	// retries.
	gone := claim(4)
	client.ZAdd(background, q.Key(Claims), redis.Z{Score: 1, Member: gone[0].Claim})
	gone = exchange(Exchange{Claim: &Claim{Lease: 100 * time.Hour, Count: 4, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 3}})
	if len(gone) != 4 {
		t.Fatalf("%+v", gone)
	}
	for _, m := range gone[:2] {
		client.ZAdd(background, q.Key(Claims), redis.Z{Score: 1, Member: m.Claim})
	}
	suspect := exchange(Exchange{Claim: &Claim{Lease: 100 * time.Hour, Count: 1, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 3, Suspects: true}})
	if len(retry) != 1 || len(suspect) != 1 || !suspect[0].Suspect {
		t.Fatalf("%+v, %+v", retry, suspect)
	}
	held := claim(3)
	failed := claim(5)
	exchange(Exchange{Nack: []Nack{
		{failed[0].Handle, -1, "why"}, {failed[1].Handle, -1, "why"}, {failed[2].Handle, 50 * time.Hour, "why"}, {failed[3].Handle, 50 * time.Hour, "why"},
		{failed[4].Handle, 0, "why"},
	}, Finished: []string{failed[0].Claim}})
	pass(t, client, q, time.Millisecond)
	long := strings.Repeat("x", 100)
	client.RPush(background, q.Key(Staging), "staged-new", "staged-old")
	client.LPush(background, q.Name, "queued-old", "queued-new", long)
	all := held[0].Claim
	claims := func(suspects int) []any { return []any{"token", 3_600_000, 3, 1 << 20, 99, 3, suspects, suspects} }
	return map[string]scriptCall{
		"claim":           {"exchange", append([]any{0, 0, 0, 0, 0}, claims(0)...)},
		"claim a suspect": {"exchange", append([]any{0, 0, 0, 0, 0}, claims(1)...)},
		"claim all":       {"exchange", []any{0, 0, 0, 0, 0, "token", 3_600_000, 9, 1 << 20, 99, 3, 0, 0}},
		"acknowledge":     {"exchange", []any{1000, 10, 2, 0, 1, all, 1001, 1003, "event", "", "", retry[0].Claim, 1, 1, "", all}},
		"nack":            {"exchange", []any{0, 0, 0, 4, 0, all, 1001, 5, "why", all, 1002, -1, "why", retry[0].Claim, 1, 5, "why", suspect[0].Claim, 1, -1, "why"}},
		"exchange":        {"exchange", append([]any{0, 0, 1, 2, 1, all, 1001, 1001, all, 1002, 0, "why", all, 1003, -1, "why", all}, claims(0)...)},
		"extend":          {"extend", []any{3_600_000, all}},
		"release":         {"release", []any{3, all, 1001, 1003, retry[0].Claim, 1, 1, suspect[0].Claim, 1, 1, all}},
		"drain":           {"drain", []any{100, 1 << 20}},
		"import":          {"import", []any{"token", "imported", "why", 1, 0, 0}},
		"requeue":         {"requeue", []any{1 << 20, failed[0].ID, failed[1].ID}},
	}
}

// scriptCall is a call of a script.
type scriptCall struct {
	script string
	args   []any
}

// changing returns the names of the calls that prepare returns.
func changing() []string {
	return []string{"claim", "claim a suspect", "claim all", "acknowledge", "nack", "exchange", "extend", "release", "drain", "import", "requeue"}
}

// situation is a state of Redis for the call of a script.
type situation struct {
	name  string
	calls map[string]scriptCall
	state snapshot
}

// situations returns a state with live claims, and one with expired claims.
func situations(t *testing.T, client redis.UniversalClient, q *Queue) []situation {
	t.Helper()
	calls := prepare(t, client, q)
	now := situation{"claims live", calls, readSnapshot(t, client)}
	pass(t, client, q, 200*time.Hour)
	return []situation{now, {"leases have expired", calls, readSnapshot(t, client)}}
}
