package lease

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// one claims a message, as a receiver with concurrency 1 does in its n-th claim.
func one(t *testing.T, q *Queue, n int, x Exchange) (Message, bool) {
	t.Helper()
	x.Claim = &Claim{Lease: time.Hour, Count: 1, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 5, Suspects: true, Retries: n%8 == 7}
	answer := q.Exchange(background, x)
	if answer.Err != nil || len(answer.AcknowledgeLost) > 0 || len(answer.NackLost) > 0 {
		t.Fatalf("%+v", answer)
	}
	if len(answer.Claimed.Messages) == 0 {
		return Message{}, false
	}
	return answer.Claimed.Messages[0], true
}

// TestTurns: retries and fresh messages take turns.
func TestTurns(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q := newQueue(t, client, "k")
		fill := func(bodies ...string) {
			t.Helper()
			if err := client.FlushAll(background).Err(); err != nil {
				t.Fatal(err)
			}
			for _, body := range bodies {
				client.LPush(background, "k", body)
			}
		}
		many := func(body string, n int) []string {
			return strings.Split(strings.TrimSuffix(strings.Repeat(body+",", n), ","), ",")
		}

		// Listeners fail after a second, and retries are due after a second.
		fill(append(many("bad", 12), "good")...)
		claims := 1
		for m, _ := one(t, q, 0, Exchange{}); m.Body != "good"; claims++ {
			pass(t, client, q, time.Second)
			m, _ = one(t, q, claims, Exchange{Nack: []Nack{{m.Handle, time.Second, "no"}}, Finished: []string{m.Claim}})
		}
		if claims > 14 {
			t.Errorf("a good message behind 12 that fail was reached by claim %d", claims)
		}

		// A thousand fail and are due at once.
		n := 1000
		if testing.Short() || strings.HasSuffix(t.Name(), "/embedded") {
			n = 100
		}
		fill(append(many("bad", n), many("good", n)...)...)
		var x Exchange
		good := 0
		for i := range 3 * n {
			m, ok := one(t, q, i, x)
			if !ok {
				pass(t, client, q, time.Millisecond)
				x = Exchange{}
				continue
			}
			x = Exchange{Finished: []string{m.Claim}}
			if m.Body == "good" {
				good++
				x.Acknowledge = []Acknowledgement{{Handle: m.Handle}}
			} else {
				x.Nack = []Nack{{m.Handle, 0, "no"}}
			}
		}
		if good != n {
			t.Errorf("%d of %d good messages were reached behind as many that fail", good, n)
		}

		// The same with claims of a hundred: neither waits for the other.
		fill(append(many("bad", n), many("good", n)...)...)
		x = Exchange{}
		good, bad := 0, 0
		for range n / 20 {
			x.Claim = &Claim{Lease: time.Hour, Count: 100, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: 5}
			answer := q.Exchange(background, x)
			if answer.Err != nil || len(answer.NackLost) > 0 {
				t.Fatalf("%+v", answer)
			}
			x = Exchange{}
			for _, m := range answer.Claimed.Messages {
				if m.Body == "good" {
					good++
					x.Acknowledge = append(x.Acknowledge, Acknowledgement{Handle: m.Handle})
				} else {
					x.Nack = append(x.Nack, Nack{m.Handle, 0, "no"})
					if m.Attempt > 1 {
						bad++
					}
				}
			}
		}
		if good != n || bad < n/10 {
			t.Errorf("%d of %d good messages were reached, and %d others were tried again", good, n, bad)
		}

		// Without a delay, one message does not keep others from their turn. Listeners work
		// for a millisecond: within it, retries have no order.
		fill("a", "b", "c", "d", "e")
		tried := map[string]int{}
		x = Exchange{}
		for i := 0; i < 100; i++ {
			m, ok := one(t, q, i, x)
			pass(t, client, q, time.Millisecond)
			if !ok {
				x, i = Exchange{}, i-1
				continue
			}
			tried[m.Body]++
			x = Exchange{Nack: []Nack{{m.Handle, 0, "no"}}, Finished: []string{m.Claim}}
		}
		for body, n := range tried {
			if n < 19 || len(tried) != 5 {
				t.Errorf("%s was tried %d times of 100: %v", body, n, tried)
			}
		}
	})
}

// process is a receiver that handles several messages at once.
type process struct {
	held []Message
	done []Message // handled, not yet acknowledged
}

func (p *process) suspect() bool {
	for _, m := range append(p.held, p.done...) {
		if m.Suspect {
			return true
		}
	}
	return false
}

// TestKiller: a message that kills its process is dead after two processes and as many
// more as there are attempts, and no other for having been beside it, however long they
// are handled.
func TestKiller(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		rounds := 200
		if testing.Short() || strings.HasSuffix(t.Name(), "/embedded") {
			rounds = 20
		}
		for seed := range rounds {
			killers := 1 + seed%3
			kill(t, client, rand.New(rand.NewPCG(uint64(seed), 0)), killers)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	})
}

// kill has processes handle 27 messages, and more that come meanwhile, of which some
// kill the process that has handled them for a while.
func kill(t *testing.T, client *redis.Client, chance *rand.Rand, killers int) {
	t.Helper()
	if err := client.FlushAll(background).Err(); err != nil {
		t.Fatal(err)
	}
	q := newQueue(t, client, "k")
	const messages, attempts = 27, 5
	bodies := []string{}
	for i := range messages {
		if i < killers {
			bodies = append(bodies, fmt.Sprint("killer ", i))
		} else {
			bodies = append(bodies, fmt.Sprint("innocent ", i))
		}
	}
	chance.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	for _, body := range bodies {
		client.LPush(background, "k", body)
	}
	deaths, failures := map[string]int{}, map[string]int{}
	processes := []*process{{}, {}}
	width := []int{1, 4, 9}[chance.IntN(3)]
	left := messages
	for steps := 0; left > 0; steps++ {
		if steps > 20_000 {
			t.Errorf("%d messages are left", left)
			return
		}
		p := processes[chance.IntN(len(processes))]
		if room := width - len(p.held); room > 0 && chance.IntN(2) == 0 {
			x := Exchange{Claim: &Claim{
				Lease: time.Hour, Count: room, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: attempts,
				Suspects: !p.suspect(), Retries: chance.IntN(8) == 0,
			}}
			for _, m := range p.done {
				x.Acknowledge = append(x.Acknowledge, Acknowledgement{Handle: m.Handle})
			}
			p.done = nil
			answer := q.Exchange(background, x)
			if answer.Err != nil || len(answer.AcknowledgeLost) > 0 {
				t.Fatalf("%+v", answer)
			}
			left -= len(x.Acknowledge) + len(answer.Claimed.Died)
			p.held = append(p.held, answer.Claimed.Messages...)
			continue
		}
		if len(p.held) == 0 {
			continue
		}
		i := chance.IntN(len(p.held))
		m := p.held[i]
		p.held = append(p.held[:i:i], p.held[i+1:]...)
		switch {
		case strings.HasPrefix(m.Body, "killer"):
			deaths[m.Body]++
			expire(t, client, q, append(p.held, append(p.done, m)...))
			*p = process{}
		// Beside each other killer, two attempts may be lost.
		case failures[m.Body] < attempts-1-2*(killers-1) && chance.IntN(4) == 0: // it fails now and then, but not always
			failures[m.Body]++
			delay := time.Duration(0)
			if m.Attempt-m.Pardons >= attempts {
				delay = -1
			}
			if answer := q.Exchange(background, Exchange{Nack: []Nack{{m.Handle, delay, "no"}}}); answer.Err != nil || len(answer.NackLost) > 0 {
				t.Fatalf("%+v", answer)
			}
			pass(t, client, q, time.Millisecond)
		default:
			p.done = append(p.done, m)
		}
	}
	for id := range readStore(t, client, q).bodies {
		body := client.HGet(background, q.Key(Bodies), id).Val()
		if !strings.HasPrefix(body, "killer") {
			t.Errorf("%q is dead: %s", body, client.HGet(background, q.Key(Attempts), id).Val())
		}
	}
	for i := range killers {
		if n := deaths[fmt.Sprint("killer ", i)]; n > attempts+2 || n < attempts+2 && killers == 1 || n == 0 {
			t.Errorf("killer %d of %d took %d processes", i, killers, n)
		}
	}
}

// expire has the claims of messages run out.
func expire(t *testing.T, client *redis.Client, q *Queue, held []Message) {
	t.Helper()
	for _, m := range held {
		if err := client.ZAddXX(background, q.Key(Claims), redis.Z{Score: 1, Member: m.Claim}).Err(); err != nil {
			t.Fatal(err)
		}
	}
}
