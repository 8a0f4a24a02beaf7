package lease

import (
	"context"
	"flag"
	"fmt"
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
	// One run of many operations, rather than many short ones; with -short, rapid makes
	// a fifth of the runs.
	_ = flag.Set("rapid.checks", "1")
	if testing.Short() {
		_ = flag.Set("rapid.checks", "5")
	}
	_ = flag.Set("rapid.shrinktime", "1s")
	_ = flag.Set("rapid.nofailfile", "true")
	goleak.VerifyTestMain(m)
}

// unit is the time in which the model counts: far longer than the model takes.
const unit = time.Hour

// entry is a message that has an id, as the model has it.
type entry struct {
	body     string
	attempts int // 0 while it is fresh
	pardons  int
	claim    string // that holds it, while it is leased
	state    Kind   // Claims, Retries, Suspects or Dead
	due      int    // in units, counted down
	failed   bool   // it has a reason
}

// model is what should be in Redis.
type model struct {
	client redis.UniversalClient
	q      *Queue

	queue, staging []string // from the left
	entries        map[string]*entry
	claims         map[string]int // the time left of each, in units
	handles        []Handle       // of all claims so far
	pushed         int
}

const maxAttempts = 2

// step does one operation on Redis and on the model, and compares the two.
func (m *model) step(t *rapid.T) {
	operations := []struct {
		name   string
		weight int
		do     func(t *rapid.T)
	}{
		{"push", 6, m.push}, {"stage", 2, m.stage}, {"take by an original", 1, m.original}, {"claim", 8, m.claim}, {"claim all", 1, m.claimAll},
		{"acknowledge", 4, m.acknowledge}, {"nack", 5, m.nack}, {"extend", 2, m.extend}, {"release", 2, m.release},
		{"finish", 2, m.finish}, {"drain", 1, m.drain}, {"import", 1, m.importLetters}, {"requeue", 2, m.requeue},
		{"drop", 1, m.drop}, {"repair", 1, m.repair}, {"let time pass", 3, m.pass}, {"flush scripts", 1, m.flush},
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
	if have, want := slices.Sorted(slices.Values(got.claims)), slices.Sorted(maps.Keys(m.claims)); !slices.Equal(have, want) {
		t.Fatalf("after %s: claims %q, want %q", after, have, want)
	}
	if ids := slices.Sorted(maps.Keys(m.entries)); !slices.Equal(got.ids(), ids) {
		t.Fatalf("after %s: ids %q, want %q", after, got.ids(), ids)
	}
	for id, e := range m.entries {
		in := map[Kind][]string{Claims: {id}, Retries: got.retries, Suspects: got.suspects, Dead: got.dead}[e.state]
		_, failed := got.reasons[id]
		attempts, pardons, _ := m.counts(got.attempts[id])
		if got.bodies[id] != e.body || attempts != e.attempts || pardons != e.pardons || !slices.Contains(in, id) || failed != e.failed {
			t.Fatalf("after %s: %s is %q with attempts %q, reason %t, want %+v", after, id, got.bodies[id], got.attempts[id], failed, *e)
		}
	}
}

// counts reads an entry of attempts.
func (m *model) counts(entry string) (attempts, pardons int, token string) {
	_, _ = fmt.Sscan(entry, &attempts, &pardons, &token)
	return attempts, pardons, token
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
	m.must(t, m.client.LMove(background, m.q.Name, m.q.Key(Staging), "RIGHT", "LEFT").Err())
	m.staging = slices.Insert(m.staging, 0, last(&m.queue))
}

func (m *model) original(t *rapid.T) {
	if len(m.queue) > 0 {
		if got := m.client.RPop(background, m.q.Name).Val(); got != last(&m.queue) {
			t.Fatalf("an original got %q", got)
		}
	}
}

// expire ends the claims whose leases have run out, and returns the ids of those that
// died by that, and of those that are retries now, sorted.
func (m *model) expire(withDeath bool) (died, retried []string) {
	for id, e := range m.entries {
		if e.state != Claims || m.claims[e.claim] > 0 {
			continue
		}
		alone := strings.Contains(e.claim, "!")
		e.state = Suspects
		if !alone {
			if e.pardons == 0 {
				e.state, e.due = Retries, 0
				retried = append(retried, id)
			}
			e.pardons++
		}
		e.attempts = max(1, e.attempts)
		e.claim, e.failed = "", true
		if withDeath && alone && e.attempts-e.pardons >= maxAttempts {
			e.state = Dead
			died = append(died, id)
		}
	}
	maps.DeleteFunc(m.claims, func(_ string, left int) bool { return left <= 0 })
	slices.Sort(retried)
	return died, retried
}

// expiring returns of how many messages the claims are whose leases have run out.
func (m *model) expiring() (n int) {
	for claim, left := range m.claims {
		size, err := strconv.Atoi(claim[strings.LastIndexByte(claim, '-')+1:])
		if err != nil || strings.ContainsAny(claim, "/!") {
			size = 1
		}
		if left <= 0 {
			n += size
		}
	}
	return n
}

// claim claims some.
func (m *model) claim(t *rapid.T) {
	m.exchange(t, Claim{
		Lease: time.Duration(rapid.IntRange(1, 3).Draw(t, "lease")) * unit,
		Count: rapid.SampledFrom([]int{0, 1, 1, 2, 5, 9, 17}).Draw(t, "count"), Bytes: rapid.SampledFrom([]int{1, 100, 1 << 20}).Draw(t, "bytes"),
		MaxBytes: rapid.SampledFrom([]int{60, 1 << 20, 1 << 20}).Draw(t, "longest"), MaxAttempts: maxAttempts,
		Suspects: rapid.Bool().Draw(t, "suspects"), Retries: rapid.Bool().Draw(t, "turn"),
	})
}

// claimAll claims until no more than suspects are left, and then one of these. Where
// many are held then, it acknowledges them, so that they do not become ever more.
func (m *model) claimAll(t *rapid.T) {
	c := Claim{Lease: unit, Count: 17, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: maxAttempts}
	for m.exchange(t, c) > 0 {
	}
	c.Suspects = true
	m.exchange(t, c)
	if len(m.entries) <= 100 {
		return
	}
	for held := range slices.Chunk(slices.DeleteFunc(slices.Clone(m.handles), func(h Handle) bool { return !m.owns(h) }), MaxCount) {
		m.acknowledgeThese(t, held)
	}
}

// exchange claims, follows what section 5 of the specification says of turns, and
// returns how many messages came.
func (m *model) exchange(t *rapid.T, c Claim) int {
	if n := m.expiring(); n > 100 { // more than a call ends
		for range 1 + n/50 {
			m.must(t, m.q.Exchange(background, Exchange{Claim: &Claim{MaxAttempts: maxAttempts}}).Err)
		}
		m.expire(true)
	} else if n > 0 {
		pass(t, m.client, m.q, time.Millisecond) // what expires in this call is due after all else
	}
	before := readStore(t, m.client, m.q)
	answer := m.q.Exchange(background, Exchange{Claim: &c})
	m.must(t, answer.Err)
	died, retried := m.expire(true)
	var due []string
	for _, id := range before.retries {
		if m.entries[id].due <= 0 {
			due = append(due, id)
		}
	}
	due = append(due, retried...)
	// Which suspect comes first, the model does not know, nor which of those that are
	// too long are looked at.
	deaths := slices.DeleteFunc(answer.Claimed.Died, func(d Death) bool {
		e := m.entries[d.ID]
		long := e != nil && e.state == Suspects && c.Suspects && len(e.body) > c.MaxBytes
		if long {
			e.state = Dead
		}
		return long
	})
	got := answer.Claimed.Messages
	suspect := len(got) == 1 && got[0].Suspect
	if !suspect || !c.Retries {
		others := got
		if suspect {
			others = nil
		}
		if n := m.takes(t, &c, due, others, &died); n == 0 && !suspect && c.Count > 0 && c.Suspects {
			for id, e := range m.entries {
				if e.state == Suspects && len(e.body) <= c.MaxBytes {
					t.Fatalf("%+v claims nothing, and not %s", c, id)
				}
			}
		}
	}
	if suspect {
		if !c.Suspects {
			t.Fatalf("%+v claims a suspect", c)
		}
		m.take(t, got[0], Suspects, &c)
	}
	m.dead(t, deaths, died, c.MaxBytes)
	return len(got)
}

// takes follows a claim without a suspect, compares it with the messages that were
// claimed, and returns how many they are. It adds those that died.
func (m *model) takes(t *rapid.T, c *Claim, due []string, got []Message, died *[]string) int {
	var failed, long []string
	size := 0
	choose := func(n int) {
		for len(due) > 0 && len(failed) < n {
			body := m.entries[due[0]].body
			switch {
			case len(body) > c.MaxBytes:
				long = append(long, due[0])
			case len(failed) > 0 && size+len(body) > c.Bytes:
				due = nil
				return
			default:
				failed, size = append(failed, due[0]), size+len(body)
			}
			due = due[1:]
		}
	}
	share := max(1, c.Count/8)
	if c.Count == 1 {
		share = 0
		if c.Retries {
			share = 1
		}
	}
	due = due[:min(len(due), c.Count)] // no more are looked at
	choose(share)
	waiting := slices.Concat(m.queue, m.staging)
	room, overlong := c.Count-len(failed), false
	var fresh []string
	for len(waiting) > 0 && len(fresh) < room {
		body := waiting[len(waiting)-1]
		overlong = len(body) > c.MaxBytes
		if overlong || len(fresh) > 0 && size+len(body) > c.Bytes {
			break
		}
		fresh, size, waiting = append(fresh, body), size+len(body), waiting[:len(waiting)-1]
	}
	choose(c.Count - len(fresh))
	var order []bool // whether each is one that has failed: one after each seven
	for i := range fresh {
		order = append(order, false)
		if i%7 == 6 && i/7 < len(failed) {
			order = append(order, true)
		}
	}
	for len(order) < len(fresh)+len(failed) {
		order = append(order, true)
	}
	next, taken := 0, 0
	if len(got) != len(fresh)+len(failed) {
		t.Fatalf("claimed %+v by %+v, want %q and %q", got, c, fresh, failed)
	}
	for i, g := range got {
		if order[i] {
			if next >= len(failed) || g.ID != failed[next] {
				t.Fatalf("number %d is %+v, want %q of %q", i, g, failed, fresh)
			}
			next++
			m.take(t, g, Retries, c)
			continue
		}
		if g.Body != fresh[taken] || g.Attempt != 1 || g.Failure != "" || g.Pardons != 0 || m.entries[g.ID] != nil || g.ID != fmt.Sprintf("%s-%d", g.Claim, 1001+taken) {
			t.Fatalf("number %d is %+v, want %q", i, g, fresh[taken])
		}
		taken++
		m.entries[g.ID] = &entry{body: g.Body, claim: g.Claim, state: Claims}
		m.claims[g.Claim] = int(c.Lease / unit)
		m.handles = append(m.handles, g.Handle)
	}
	m.shift(len(fresh))
	for _, id := range long {
		m.entries[id].state, m.entries[id].failed = Dead, true
		*died = append(*died, id)
	}
	if overlong {
		body := m.shift(1)
		*died = append(*died, "")
		m.entries[""] = &entry{body: body, attempts: 1, state: Dead, failed: true}
	}
	return len(got)
}

// shift takes messages off staging and the queue.
func (m *model) shift(n int) (body string) {
	for range n {
		from := &m.staging
		if len(*from) == 0 {
			from = &m.queue
		}
		body = last(from)
	}
	return body
}

// dead compares what died. The id of a message that was too long is new.
func (m *model) dead(t *rapid.T, got []Death, died []string, longest int) {
	if len(got) != len(died) {
		t.Fatalf("%+v died, want %q", got, died)
	}
	for _, d := range got {
		if !slices.Contains(died, d.ID) {
			e := m.entries[""]
			if e == nil || len(e.body) <= longest {
				t.Fatalf("%+v died, want %q", d, died)
			}
			delete(m.entries, "")
			m.entries[d.ID] = e
		}
	}
	if m.entries[""] != nil {
		t.Fatalf("%+v died, want one more", got)
	}
}

// take notes that a message that had failed was claimed.
func (m *model) take(t *rapid.T, g Message, from Kind, c *Claim) {
	e := m.entries[g.ID]
	if e == nil || e.state != from || g.Attempt != e.attempts+1 || g.Pardons != e.pardons || g.Body != e.body || (g.Failure != "") != e.failed || g.Suspect != (from == Suspects) {
		t.Fatalf("claimed %+v, which is %+v", g, e)
	}
	e.state, e.claim, e.attempts = Claims, g.Claim, g.Attempt
	m.claims[g.Claim] = int(c.Lease / unit)
	m.handles = append(m.handles, g.Handle)
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
	for range rapid.IntRange(1, 6).Draw(t, "handles") {
		h := rapid.SampledFrom(recent).Draw(t, "handle")
		if rapid.IntRange(0, 5).Draw(t, "mistaken") == 0 {
			h.Claim = rapid.SampledFrom(append([]Handle{{Claim: ""}, {Claim: h.ID + "/none"}}, recent...)).Draw(t, "claim").Claim
			h.ID = m.means(h)
		}
		if !slices.ContainsFunc(some, func(other Handle) bool { return other.ID == h.ID }) {
			some = append(some, h)
		}
	}
	if rapid.Bool().Draw(t, "sorted") {
		slices.SortFunc(some, func(a, b Handle) int { return strings.Compare(a.ID, b.ID) })
	}
	return some
}

// means returns the message that scripts take a handle for.
func (m *model) means(h Handle) string {
	if mark := strings.IndexAny(h.Claim, "/!"); mark >= 0 {
		return h.Claim[:mark]
	}
	return fmt.Sprintf("%s-%d", h.Claim, indexOf(h))
}

// owns reports whether a handle is that of the claim that has the message.
func (m *model) owns(h Handle) bool {
	e := m.entries[h.ID]
	return e != nil && e.state == Claims && e.claim == h.Claim
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

// gone notes that a message is leased no more.
func (m *model) gone(h Handle) {
	if strings.ContainsAny(h.Claim, "/!") {
		delete(m.claims, h.Claim)
	}
}

func (m *model) acknowledge(t *rapid.T) {
	if held := m.some(t); len(held) > 0 {
		m.acknowledgeThese(t, held)
	}
}

func (m *model) acknowledgeThese(t *rapid.T, held []Handle) {
	x := Exchange{}
	for _, h := range held {
		x.Acknowledge = append(x.Acknowledge, Acknowledgement{Handle: h})
	}
	answer := m.q.Exchange(background, x)
	m.must(t, answer.Err)
	for i, h := range held {
		_, live := m.claims[h.Claim]
		// What is gone is acknowledged under a claim that lives.
		done := live && (m.owns(h) || m.entries[h.ID] == nil)
		if done == slices.Contains(answer.AcknowledgeLost, i) {
			t.Fatalf("%+v, live %t: lost are %v", h, live, answer.AcknowledgeLost)
		}
	}
	for _, h := range held {
		if m.owns(h) {
			delete(m.entries, h.ID)
			m.gone(h)
		}
	}
}

func (m *model) nack(t *rapid.T) {
	held := m.some(t)
	if len(held) == 0 {
		return
	}
	delay := rapid.IntRange(-1, 2).Draw(t, "delay")
	x := Exchange{}
	for _, h := range held {
		x.Nack = append(x.Nack, Nack{h, time.Duration(delay) * unit, "why"})
	}
	answer := m.q.Exchange(background, x)
	m.expectLost(t, held, answer.NackLost, answer.Err)
	pass(t, m.client, m.q, time.Millisecond) // a nacked message is not due in the same
	for _, h := range held {
		if m.owns(h) {
			e := m.entries[h.ID]
			e.state, e.claim, e.due, e.failed, e.attempts = Retries, "", delay, true, max(1, e.attempts)
			if delay < 0 {
				e.state = Dead
			}
			m.gone(h)
		}
	}
}

func (m *model) extend(t *rapid.T) {
	var claims []string
	for _, h := range m.some(t) {
		claims = append(claims, h.Claim)
	}
	term := rapid.IntRange(1, 3).Draw(t, "lease")
	lost, err := m.q.Extend(background, time.Duration(term)*unit, claims)
	m.must(t, err)
	for i, claim := range claims {
		_, live := m.claims[claim]
		if live == slices.Contains(lost, i) {
			t.Fatalf("%q, live %t: lost are %v", claim, live, lost)
		}
		if live {
			m.claims[claim] = term
		}
	}
}

// unused returns a claim that holds nothing, if there is one.
func (m *model) unused(t *rapid.T) []string {
	for _, claim := range slices.Sorted(maps.Keys(m.claims)) {
		used := false
		for _, e := range m.entries {
			used = used || e.claim == claim
		}
		if !used && rapid.Bool().Draw(t, "finished") {
			return []string{claim}
		}
	}
	return nil
}

func (m *model) finish(t *rapid.T) {
	finished := m.unused(t)
	if answer := m.q.Exchange(background, Exchange{Finished: finished}); answer.Err != nil {
		t.Fatalf("%v", answer.Err)
	}
	for _, claim := range finished {
		delete(m.claims, claim)
	}
}

func (m *model) release(t *rapid.T) {
	held, finished := m.some(t), m.unused(t)
	lost, err := m.q.Release(background, held, finished)
	m.expectLost(t, held, lost, err)
	m.queue = append(m.queue, m.staging...)
	m.staging = nil
	for _, h := range slices.Backward(held) {
		if !m.owns(h) {
			continue
		}
		e := m.entries[h.ID]
		m.gone(h)
		if e.attempts == 0 {
			m.queue = append(m.queue, e.body)
			delete(m.entries, h.ID)
			continue
		}
		e.state = Retries
		if strings.Contains(h.Claim, "!") {
			e.state = Suspects
		}
		e.claim, e.due, e.attempts = "", 0, e.attempts-1
	}
	for _, claim := range finished {
		delete(m.claims, claim)
	}
}

func (m *model) drain(t *rapid.T) {
	moved, err := m.q.Drain(background)
	m.must(t, err)
	m.expire(false)
	want := slices.Concat(m.queue, m.staging)
	var given []string
	for id, e := range m.entries {
		if e.state == Retries || e.state == Suspects {
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

func (m *model) importLetters(t *rapid.T) {
	ids, err := m.q.Import(background, Letter{Body: []byte("\xfflost"), Reason: "why", Attempts: 2, FirstSeen: time.UnixMilli(1e12)}, Letter{Body: nil, Reason: "why"})
	m.must(t, err)
	m.entries[ids[0]] = &entry{body: "\xfflost", attempts: 2, state: Dead, failed: true}
	m.entries[ids[1]] = &entry{body: "", attempts: 0, state: Dead, failed: true}
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
	for claim := range m.claims {
		m.claims[claim] -= n
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
		m := model{client: client, q: q, entries: map[string]*entry{}, claims: map[string]int{}}
		for range operations {
			m.step(t)
		}
	}
}

func TestModel(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		operations := 10_000
		if strings.HasSuffix(t.Name(), "/embedded") || testing.Short() {
			operations = 1_000 // its Lua is slow
		}
		check(t, runModel(client, scripts, operations))
	})
}

// check checks a property, and that it was run at all.
func check(t rapid.TB, property func(t *rapid.T)) {
	t.Helper()
	ran := false
	rapid.Check(t, func(t *rapid.T) {
		ran = true
		property(t)
	})
	if !ran {
		t.Fatalf("the property was not run")
	}
}
