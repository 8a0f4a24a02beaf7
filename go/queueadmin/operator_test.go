package queueadmin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

func TestFindDeadLetters(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q, err := queueadmin.Open(client, "x")
		must(t, err)
		var letters []queueadmin.DeadLetter
		for i := range 1200 {
			letters = append(letters, queueadmin.DeadLetter{Raw: fmt.Appendf(nil, "%d", i), Code: "schema", Attempts: i})
		}
		letters[3].Raw = []byte(strings.Repeat("3", 5<<20)) // more than one read returns
		ids, err := q.Import(t.Context(), letters...)
		must(t, err)
		asked := slices.Clone(ids)
		slices.Reverse(asked)
		asked = slices.Insert(asked, 7, "none", "")
		var got []string
		for letter, err := range q.DeadLettersByID(t.Context(), asked...) {
			must(t, err)
			got = append(got, letter.ID)
			if want := letters[letter.Attempts]; string(letter.Raw) != string(want.Raw) || letter.Queue != "x" || letter.Code != "schema" {
				t.Fatalf("%.40q is not %.40q: %s", letter.Raw, want.Raw, letter.Code)
			}
		}
		if want := slices.DeleteFunc(slices.Clone(asked), func(id string) bool { return id == "none" || id == "" }); !slices.Equal(got, want) {
			t.Errorf("got %d, want %d", len(got), len(want))
		}
		for _, err := range q.DeadLettersByID(t.Context(), asked...) {
			must(t, err)
			break // stop early
		}
		for letter, err := range q.DeadLettersByID(t.Context()) {
			t.Errorf("unexpected dead letter %s (%v)", letter.ID, err)
		}
		letter, found, err := q.DeadLetter(t.Context(), ids[1])
		must(t, err)
		if !found || letter.ID != ids[1] {
			t.Errorf("found %v: %+v", found, letter)
		}
		if _, found, err = q.DeadLetter(t.Context(), "none"); found || err != nil {
			t.Errorf("found %v, %v", found, err)
		}
	})
}

// TestDeadLettersWithoutBodies checks that remains of deleted messages neither end the
// iteration early nor continue it for ever.
func TestDeadLettersWithoutBodies(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q, err := queueadmin.Open(client, "x")
		must(t, err)
		at := time.Now().Add(-time.Hour)
		var members []redis.Z
		for i := range 2500 {
			members = append(members, redis.Z{Member: fmt.Sprintf("%05d", i), Score: float64(at.UnixMilli())})
		}
		must(t, client.ZAdd(t.Context(), q.CompanionKeys()["dead"], members...).Err())
		ids, err := q.Import(t.Context(), queueadmin.DeadLetter{Raw: []byte("x"), Died: at}, queueadmin.DeadLetter{Raw: []byte("y")})
		must(t, err)
		var got []string
		for letter, err := range q.DeadLetters(t.Context()) {
			must(t, err)
			got = append(got, letter.ID)
		}
		if !slices.Equal(got, ids) {
			t.Errorf("got %v, want %v", got, ids)
		}
	})
}

func TestQueueExists(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		for name, prepare := range map[string]func(q *queueadmin.Queue) error{
			"list": func(q *queueadmin.Queue) error { return client.LPush(t.Context(), q.Name(), "x").Err() },
			"dead": func(q *queueadmin.Queue) error {
				return client.ZAdd(t.Context(), q.CompanionKeys()["dead"], redis.Z{Member: "x"}).Err()
			},
			"staging": func(q *queueadmin.Queue) error {
				return client.LPush(t.Context(), q.CompanionKeys()["staging"], "x").Err()
			},
			"string": func(q *queueadmin.Queue) error { return client.Set(t.Context(), q.Name(), "x", 0).Err() },
		} {
			q, err := queueadmin.Open(client, name)
			must(t, err)
			for _, want := range []bool{false, true} {
				if exists, err := q.Exists(t.Context()); err != nil || exists != want {
					t.Errorf("%s: exists %v, want %v (%v)", name, exists, want, err)
				}
				must(t, prepare(q))
			}
		}
	})
}

func TestNextRetry(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q, err := queueadmin.Open(client, "x")
		must(t, err)
		if in, waiting, err := q.NextRetry(t.Context()); waiting || err != nil {
			t.Errorf("in %v, %v, %v", in, waiting, err)
		}
		for member, in := range map[string]time.Duration{"a": time.Hour, "b": 3 * time.Hour} {
			must(t, client.ZAdd(t.Context(), q.CompanionKeys()["retries"], redis.Z{Member: member, Score: float64(time.Now().Add(in).UnixMilli())}).Err())
		}
		in, waiting, err := q.NextRetry(t.Context())
		if !waiting || err != nil || in < 50*time.Minute || in > 70*time.Minute {
			t.Errorf("in %v, %v, %v", in, waiting, err)
		}
	})
}
