package lease

import (
	"context"
	"flag"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

var background = context.Background()

func TestMain(m *testing.M) {
	flag.Parse()
	// One run of many operations, rather than many short ones.
	_ = flag.Set("rapid.checks", "1")
	_ = flag.Set("rapid.shrinktime", "1s")
	_ = flag.Set("rapid.nofailfile", "true")
	goleak.VerifyTestMain(m)
}

// unit is the time in which the model counts: far longer than the model takes.
const unit = time.Hour

// entry is a message that has an id, as the model has it.
type entry struct {
	body    string
	attempt int
	token   string // of its owner, while it is leased
	state   Kind   // Leases, Retries or Dead
	due     int    // in units, counted down
	failed  bool   // it has a reason
}

// model is what should be in Redis.
type model struct {
	client redis.UniversalClient
	q      *Queue

	queue, staging []string // from the left
	entries        map[string]*entry
	handles        []Handle // of all claims so far
	pushed         int
}

const maxAttempts = 3

// step does one operation on Redis and on the model, and compares the two.
func (m *model) step(t *rapid.T) {
	operations := []struct {
		name   string
		weight int
		do     func(t *rapid.T)
	}{
		{"push", 6, m.push}, {"stage", 2, m.stage}, {"take by an original", 1, m.original}, {"claim", 8, m.claim},
		{"acknowledge", 4, m.acknowledge}, {"refuse", 5, m.refuse}, {"extend", 2, m.extend}, {"release", 2, m.release},
		{"drain", 1, m.drain}, {"bury", 1, m.bury}, {"requeue", 2, m.requeue}, {"drop", 1, m.drop},
		{"repair", 1, m.repair}, {"let time pass", 3, m.pass}, {"flush scripts", 1, m.flush},
	}
	var names []int
	for i, o := range operations {
		for range o.weight {
			names = append(names, i)
		}
	}
	o := operations[rapid.SampledFrom(names).Draw(t, "operation")]
	o.do(t)
	m.compare(t, o.name)
}

func (m *model) compare(t *rapid.T, after string) {
	got := readStore(t, m.client, m.q)
	if fault := got.unsound(); fault != "" {
		t.Fatalf("after %s: %s", after, fault)
	}
	if !slices.Equal(got.queue, m.queue) || !slices.Equal(got.staging, m.staging) {
		t.Fatalf("after %s: queue %q, staging %q, want %q and %q", after, got.queue, got.staging, m.queue, m.staging)
	}
	if len(got.bodies) != len(m.entries) {
		t.Fatalf("after %s: %d bodies, want %d", after, len(got.bodies), len(m.entries))
	}
	for id, e := range m.entries {
		in := map[Kind][]string{Leases: got.leases, Retries: got.retries, Dead: got.dead}[e.state]
		_, failed := got.reasons[id]
		if got.bodies[id] != e.body || got.attempts[id] != strconv.Itoa(e.attempt) || got.owners[id] != e.token || !slices.Contains(in, id) || failed != e.failed {
			t.Fatalf("after %s: %s is %q with %s attempts of %q, reason %t, want %+v", after, id, got.bodies[id], got.attempts[id], got.owners[id], failed, *e)
		}
	}
}

func (m *model) must(t *rapid.T, err error) {
	if err != nil {
		t.Fatalf("%v", err)
	}
}

func (m *model) push(t *rapid.T) {
	for range rapid.IntRange(1, 4).Draw(t, "messages") {
		m.pushed++
		body := rapid.SampledFrom([]string{"", "\x00\r\n\xff", strings.Repeat("x", 70), "same"}).Draw(t, "body")
		if body != "same" {
			body += strconv.Itoa(m.pushed)
		}
		m.must(t, m.client.LPush(background, m.q.Name, body).Err())
		m.queue = slices.Insert(m.queue, 0, body)
	}
}

func last(list *[]string) string {
	body := (*list)[len(*list)-1]
	*list = (*list)[:len(*list)-1]
	return body
}

func (m *model) stage(t *rapid.T) {
	if len(m.queue) == 0 {
		return
	}
	staged, err := m.q.Stage(background, time.Second)
	if err != nil || !staged {
		t.Fatalf("staged %t, %v", staged, err)
	}
	m.staging = slices.Insert(m.staging, 0, last(&m.queue))
}

func (m *model) original(t *rapid.T) {
	if len(m.queue) > 0 {
		if got := m.client.RPop(background, m.q.Name).Val(); got != last(&m.queue) {
			t.Fatalf("an original got %q", got)
		}
	}
}

// expire puts back the leases that have run out.
func (m *model) expire() {
	for _, e := range m.entries {
		if e.state == Leases && e.due <= 0 {
			e.state, e.token, e.failed, e.due = Retries, "", true, 0
			if e.attempt >= maxAttempts {
				e.state = Dead
			}
		}
	}
}

func (m *model) claim(t *rapid.T) {
	count, bytes, term := rapid.IntRange(0, 5).Draw(t, "count"), rapid.SampledFrom([]int{1, 100, 1 << 20}).Draw(t, "bytes"), rapid.IntRange(1, 3).Draw(t, "lease")
	answer := m.q.Exchange(background, Exchange{Claim: &Claim{Lease: time.Duration(term) * unit, Count: count, Bytes: bytes, MaxAttempts: maxAttempts}})
	m.must(t, answer.ClaimErr)
	m.expire()
	due := 0
	for _, e := range m.entries {
		if e.state == Retries && e.due <= 0 {
			due++
		}
	}
	claimed := answer.Claimed.Messages
	if due > 0 {
		if len(claimed) != 1 {
			t.Fatalf("%d messages were claimed where one due retry is to be claimed by itself", len(claimed))
		}
		c := claimed[0]
		e := m.entries[c.ID]
		if e == nil || e.state != Retries || e.due > 0 || c.Attempt != e.attempt+1 || c.Body != e.body || (c.Failure != "") != e.failed {
			t.Fatalf("claimed %+v, which is %+v", c, e)
		}
		e.state, e.token, e.attempt, e.due = Leases, c.Token, c.Attempt, term
		m.handles = append(m.handles, c.Handle)
		return
	}
	size, full := 0, false
	for i := 0; i < count && !full; i++ {
		from := &m.staging
		if len(*from) == 0 {
			from = &m.queue
		}
		if len(*from) == 0 {
			break
		}
		body := (*from)[len(*from)-1]
		if full = i > 0 && size+len(body) > bytes; full {
			break
		}
		size += len(body)
		last(from)
		if i >= len(claimed) || claimed[i].Body != body || claimed[i].Attempt != 1 || claimed[i].Failure != "" {
			t.Fatalf("claimed %+v, want %q as number %d", claimed, body, i)
		}
		if m.entries[claimed[i].ID] != nil {
			t.Fatalf("the id %s came again", claimed[i].ID)
		}
		m.entries[claimed[i].ID] = &entry{body: body, attempt: 1, token: claimed[i].Token, state: Leases, due: term}
		m.handles = append(m.handles, claimed[i].Handle)
		count = min(count, max(count, len(claimed)))
	}
	if n := len(claimed); n > 0 && m.entries[claimed[n-1].ID] == nil {
		t.Fatalf("%d messages were claimed", n)
	}
}

// some draws handles, of which some are stale or mistaken.
func (m *model) some(t *rapid.T) []Handle {
	if len(m.handles) == 0 {
		return nil
	}
	recent := m.handles[max(0, len(m.handles)-30):]
	// Most are stale, and what several do together would seldom be seen.
	held := slices.DeleteFunc(slices.Clone(recent), func(h Handle) bool { return !m.owns(h) })
	if len(held) > 0 && rapid.Bool().Draw(t, "held") {
		recent = held
	}
	var some []Handle
	for range rapid.IntRange(1, 4).Draw(t, "handles") {
		h := rapid.SampledFrom(recent).Draw(t, "handle")
		if rapid.IntRange(0, 5).Draw(t, "mistaken") == 0 {
			h.Token = rapid.SampledFrom(append([]Handle{{Token: ""}}, recent...)).Draw(t, "token").Token
		}
		if !slices.ContainsFunc(some, func(other Handle) bool { return other.ID == h.ID }) {
			some = append(some, h)
		}
	}
	return some
}

// owns reports whether a handle is the owner's.
func (m *model) owns(h Handle) bool {
	e := m.entries[h.ID]
	return e != nil && e.state == Leases && e.token == h.Token
}

// expectLost compares what was reported as lost.
func (m *model) expectLost(t *rapid.T, held []Handle, lost []int, err error) {
	m.must(t, err)
	for i, h := range held {
		if m.owns(h) == slices.Contains(lost, i) {
			t.Fatalf("%+v, owner %t: lost are %v", h, m.owns(h), lost)
		}
	}
}

func (m *model) acknowledge(t *rapid.T) {
	held := m.some(t)
	if len(held) == 0 {
		return
	}
	x := Exchange{}
	for _, h := range held {
		x.Acknowledge = append(x.Acknowledge, Acknowledgement{Handle: h})
	}
	answer := m.q.Exchange(background, x)
	m.expectLost(t, held, answer.AcknowledgeLost, answer.AcknowledgeErr)
	for _, h := range held {
		if m.owns(h) {
			delete(m.entries, h.ID)
		}
	}
}

func (m *model) refuse(t *rapid.T) {
	held := m.some(t)
	if len(held) == 0 {
		return
	}
	delay := rapid.IntRange(-1, 2).Draw(t, "delay")
	x := Exchange{}
	for _, h := range held {
		x.Refuse = append(x.Refuse, Refusal{h, time.Duration(delay) * unit, "why"})
	}
	answer := m.q.Exchange(background, x)
	m.expectLost(t, held, answer.RefuseLost, answer.RefuseErr)
	for _, h := range held {
		if m.owns(h) {
			e := m.entries[h.ID]
			e.state, e.token, e.due, e.failed = Retries, "", delay, true
			if delay < 0 {
				e.state = Dead
			}
		}
	}
}

func (m *model) extend(t *rapid.T) {
	held := m.some(t)
	if len(held) == 0 {
		return
	}
	term := rapid.IntRange(1, 3).Draw(t, "lease")
	lost, err := m.q.Extend(background, time.Duration(term)*unit, held)
	m.expectLost(t, held, lost, err)
	for _, h := range held {
		if m.owns(h) {
			m.entries[h.ID].due = term
		}
	}
}

func (m *model) release(t *rapid.T) {
	held := m.some(t)
	lost, err := m.q.Release(background, held)
	m.expectLost(t, held, lost, err)
	m.queue = append(m.queue, m.staging...)
	m.staging = nil
	for _, h := range slices.Backward(held) {
		if !m.owns(h) {
			continue
		}
		e := m.entries[h.ID]
		if e.attempt == 1 {
			m.queue = append(m.queue, e.body)
			delete(m.entries, h.ID)
			continue
		}
		e.state, e.token, e.due, e.attempt = Retries, "", 0, e.attempt-1
	}
}

func (m *model) drain(t *rapid.T) {
	moved, err := m.q.Drain(background)
	m.must(t, err)
	want := slices.Concat(m.queue, m.staging)
	var given []string
	for id, e := range m.entries {
		if e.state == Retries || e.state == Leases && e.due <= 0 {
			given = append(given, e.body)
			delete(m.entries, id)
		}
	}
	got := m.client.LRange(background, m.q.Name, 0, -1).Val()
	if moved != len(m.staging)+len(given) || len(got) != len(want)+len(given) || !slices.Equal(got[:len(want)], want) ||
		!slices.Equal(slices.Sorted(slices.Values(got[len(want):])), slices.Sorted(slices.Values(given))) {
		t.Fatalf("drain moved %d to %q, want %q and then %q", moved, got, want, given)
	}
	m.queue, m.staging = got, nil
}

func (m *model) bury(t *rapid.T) {
	ids, err := m.q.Bury(background, Letter{Body: []byte("\xfflost"), Reason: "why", Attempts: 2, FirstSeen: time.UnixMilli(1e12)}, Letter{Body: nil, Reason: "why"})
	m.must(t, err)
	m.entries[ids[0]] = &entry{body: "\xfflost", attempt: 2, state: Dead, failed: true}
	m.entries[ids[1]] = &entry{body: "", attempt: 0, state: Dead, failed: true}
	if FirstSeen(ids[0]) != time.UnixMilli(1e12) {
		t.Fatalf("%s was first seen %v", ids[0], FirstSeen(ids[0]))
	}
}

// letters draws ids, of which some are no dead letters.
func (m *model) letters(t *rapid.T) []string {
	ids := slices.Sorted(maps.Keys(m.entries))
	if len(ids) == 0 {
		return []string{"none"}
	}
	return append(slices.Compact(slices.Sorted(slices.Values(rapid.SliceOfN(rapid.SampledFrom(ids), 1, 4).Draw(t, "ids")))), "none")
}

func (m *model) expectMissing(t *rapid.T, ids []string, missing []int, err error) {
	m.must(t, err)
	for i, id := range ids {
		if e := m.entries[id]; (e != nil && e.state == Dead) == slices.Contains(missing, i) {
			t.Fatalf("%s is %+v: missing are %v", id, e, missing)
		}
	}
}

func (m *model) requeue(t *rapid.T) {
	ids := m.letters(t)
	missing, err := m.q.Requeue(background, ids)
	m.expectMissing(t, ids, missing, err)
	for _, id := range ids {
		if e := m.entries[id]; e != nil && e.state == Dead {
			m.queue = slices.Insert(m.queue, 0, e.body)
			delete(m.entries, id)
		}
	}
}

func (m *model) drop(t *rapid.T) {
	ids := m.letters(t)
	missing, err := m.q.Drop(background, ids)
	m.expectMissing(t, ids, missing, err)
	for _, id := range ids {
		if e := m.entries[id]; e != nil && e.state == Dead {
			delete(m.entries, id)
		}
	}
}

func (m *model) repair(t *rapid.T) {
	ids := append(slices.Sorted(maps.Keys(m.entries)), "none")
	done, err := m.q.Repair(background, ids)
	m.must(t, err)
	for i, word := range done {
		if word != "none" {
			t.Fatalf("%s was %s where nothing is wrong", ids[i], word)
		}
	}
}

func (m *model) pass(t *rapid.T) {
	n := rapid.IntRange(1, 2).Draw(t, "time")
	pass(t, m.client, m.q, time.Duration(n)*unit)
	for _, e := range m.entries {
		e.due -= n
	}
}

func (m *model) flush(t *rapid.T) { m.must(t, m.client.ScriptFlush(background).Err()) }

// runModel does so many operations, and compares after each.
func runModel(client *redis.Client, altered map[string]script, operations int) func(t *rapid.T) {
	return func(t *rapid.T) {
		if err := client.FlushAll(background).Err(); err != nil {
			t.Fatalf("%v", err)
		}
		q, err := NewQueue(client, "queue}")
		if err != nil {
			t.Fatalf("%v", err)
		}
		q.scripts = altered
		m := model{client: client, q: q, entries: map[string]*entry{}}
		for range operations {
			m.step(t)
		}
	}
}

func TestModel(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		operations := 10_000
		if strings.HasSuffix(t.Name(), "/embedded") {
			operations = 1_000 // its Lua is slow
		}
		rapid.Check(t, runModel(client, scripts, operations))
	})
}
