package lease

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// TestBehind: a clock that went back is found by what it showed before.
func TestBehind(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q := newQueue(t, client, "k")
		client.LPush(background, "k", "a", "b")
		claim := Exchange{Claim: &Claim{Lease: time.Hour, Count: 2, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 5}}
		claimed := q.Exchange(background, claim).Claimed.Messages
		q.Exchange(background, Exchange{Nack: []Nack{{claimed[0].Handle, time.Hour, "no"}, {claimed[1].Handle, -1, "no"}}, Finished: []string{claimed[0].Claim}})
		if behind, _, err := q.Behind(background); behind != 0 || err != nil {
			t.Errorf("behind %v, %v", behind, err)
		}
		// The same as if the clock had gone back by an hour.
		client.ZIncrBy(background, q.Key(Dead), float64(time.Hour.Milliseconds()), claimed[1].ID)
		behind, waiting, err := q.Behind(background)
		if behind < 59*time.Minute || behind > time.Hour || waiting != 1 || err != nil {
			t.Errorf("behind %v, %d wait, %v", behind, waiting, err)
		}
	})
}

// TestSeenExpires: what is remembered goes when its window is over, even where nothing
// is acknowledged any more, and not sooner.
func TestSeenExpires(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q := newQueue(t, client, "k")
		acknowledge := func(event string, window time.Duration) {
			t.Helper()
			client.LPush(background, "k", event)
			answer := q.Exchange(background, Exchange{Claim: &Claim{Lease: time.Hour, Count: 1, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 5}})
			if answer.Err != nil || len(answer.Claimed.Messages) != 1 {
				t.Fatalf("%+v", answer)
			}
			h := answer.Claimed.Messages[0].Handle
			answer = q.Exchange(background, Exchange{Acknowledge: []Acknowledgement{{h, event}}, Window: Window{window, 10}, Finished: []string{h.Claim}})
			if answer.Err != nil {
				t.Fatal(answer.Err)
			}
		}
		acknowledge("long", time.Hour)
		acknowledge("short", time.Minute)
		if left := client.PTTL(background, q.Key(Seen)).Val(); left > time.Hour || left < 59*time.Minute {
			t.Errorf("it expires in %v, though an event is to be remembered for an hour", left)
		}
		acknowledge("longer", 2*time.Hour)
		if left := client.PTTL(background, q.Key(Seen)).Val(); left > 2*time.Hour || left < 119*time.Minute {
			t.Errorf("it expires in %v, though an event is to be remembered for two hours", left)
		}
	})
}
