package lease

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// claim claims some messages.
func (m *model) claim(t *rapid.T) {
	m.exchange(Claim{
		Lease: time.Duration(rapid.IntRange(1, 3).Draw(t, "lease")) * unit,
		Count: rapid.SampledFrom([]int{0, 1, 1, 2, 5, 9, 17}).Draw(t, "count"), Bytes: rapid.SampledFrom([]int{1, 100, 1 << 20}).Draw(t, "bytes"),
		MaxBytes: rapid.SampledFrom([]int{60, 1 << 20, 1 << 20}).Draw(t, "longest"), MaxAttempts: maxAttempts,
		Suspects: rapid.Bool().Draw(t, "suspects"), Retries: rapid.Bool().Draw(t, "turn"),
	})
}

// claimAll claims messages until only suspects are left, and then a suspect, or none if all are
// too long. If many messages exist then, it acknowledges the held ones and deletes dead
// letters, so that their number stays bounded.
func (m *model) claimAll(t *rapid.T) {
	c := Claim{Lease: unit, Count: 17, Bytes: 1 << 20, MaxBytes: 1 << 20, MaxAttempts: maxAttempts}
	for claimed := 1; claimed > 0; {
		claimed = m.exchange(c)
		m.compare("a claim of all")
	}
	c.Suspects, c.Retries = true, rapid.Bool().Draw(t, "turn")
	c.MaxBytes = rapid.SampledFrom([]int{1, 60, 1 << 20, 1 << 20}).Draw(t, "longest")
	m.exchange(c)
	if len(m.entries) <= 40 {
		return
	}
	for held := range slices.Chunk(m.held(m.handles), MaxCount) {
		m.acknowledgeThese(held, nil)
	}
	m.dropThese(m.dead())
}

// exchange claims messages, compares them with the choice by section 5 of the specification,
// and returns their number.
func (m *model) exchange(c Claim) int {
	if n := m.expiring(); n > 100 { // more than a call processes
		for range 1 + n/50 {
			m.must(m.q.Exchange(background, Exchange{Claim: &Claim{MaxAttempts: maxAttempts}}).Err)
		}
		m.expire(true)
		m.compare("expiry")
	} else if n > 0 {
		pass(m, m.client, m.q, time.Millisecond) // retries of claims that expire in this call are due last
	}
	before := readStore(m, m.client, m.q)
	answer := m.q.Exchange(background, Exchange{Claim: &c})
	m.must(answer.Err)
	var now expired
	var due, suspects []string
	if c.Count != 1 || c.Retries || len(m.queue)+len(m.staging) == 0 {
		now = m.expire(true)
		due = slices.DeleteFunc(before.retries, func(id string) bool { return m.entries[id].due > 0 })
		due, suspects = append(due, now.retries...), slices.Concat(before.suspects, now.suspects)
	} // else the claim looks for a fresh message only
	choice := m.choose(&c, due, suspects)
	m.take(answer.Claimed.Messages, choice, &c)
	m.expectDeaths(answer.Claimed.Died, append(now.dead, choice.long...), choice.overlong)
	return len(answer.Claimed.Messages)
}

// expired holds the ids of messages of expired claims, by their new state, sorted.
type expired struct{ retries, suspects, dead []string }

// expire ends the expired claims.
func (m *model) expire(withDeath bool) expired {
	in := map[Kind][]string{}
	for id, e := range m.entries {
		if e.state != Claims || m.claims[e.claim] > 0 {
			continue
		}
		alone := strings.Contains(e.claim, "!")
		e.state = Suspects
		if !alone {
			if e.pardons == 0 {
				e.state, e.due = Retries, 0
			}
			e.pardons++
		}
		e.attempts = max(1, e.attempts)
		e.claim, e.failed = "", true
		if withDeath && alone && e.attempts-e.pardons >= maxAttempts {
			e.state = Dead
		}
		in[e.state] = append(in[e.state], id)
	}
	maps.DeleteFunc(m.claims, func(_ string, left int) bool { return left <= 0 })
	for _, ids := range in {
		slices.Sort(ids)
	}
	return expired{in[Retries], in[Suspects], in[Dead]}
}

// expiring returns the number of messages in expired claims.
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

// choice holds the messages that a claim must take.
type choice struct {
	fresh    []string // bodies
	failed   []string // ids
	suspect  string   // its id, or ""
	long     []string // ids of failed messages that become dead letters because of their length
	overlong bool     // a fresh message becomes a dead letter because of its length
	order    []bool   // whether each message, in the order of the reply, is one of failed
}

// choose returns the messages that a claim takes, given the due retries and the suspects in
// order.
func (m *model) choose(c *Claim, due, suspects []string) (all choice) {
	if c.Count == 0 {
		return choice{}
	}
	lookAtSuspects := func() {
		for _, id := range suspects[:min(10, len(suspects))] {
			if len(m.entries[id].body) <= c.MaxBytes {
				all.suspect = id
				return
			}
			all.long = append(all.long, id)
		}
	}
	if c.Suspects && c.Retries {
		if lookAtSuspects(); all.suspect != "" {
			return all
		}
	}
	size := 0
	addRetries := func(n int) {
		for len(due) > 0 && len(all.failed) < n {
			body := m.entries[due[0]].body
			switch {
			case len(body) > c.MaxBytes:
				all.long = append(all.long, due[0])
			case len(all.failed) > 0 && size+len(body) > c.Bytes:
				due = nil
				return
			default:
				all.failed, size = append(all.failed, due[0]), size+len(body)
			}
			due = due[1:]
		}
	}
	due = due[:min(len(due), c.Count)] // no more are looked at
	addRetries(max(1, c.Count/8))
	waiting := slices.Concat(m.queue, m.staging)
	room := c.Count - len(all.failed)
	for len(waiting) > 0 && len(all.fresh) < room {
		body := pop(&waiting)
		all.overlong = len(body) > c.MaxBytes
		if all.overlong || len(all.fresh) > 0 && size+len(body) > c.Bytes {
			break
		}
		all.fresh, size = append(all.fresh, body), size+len(body)
	}
	addRetries(c.Count - len(all.fresh))
	if c.Suspects && !c.Retries && len(all.fresh)+len(all.failed) == 0 {
		lookAtSuspects()
	}
	all.order = orderOf(len(all.fresh), len(all.failed))
	return all
}

// orderOf returns the order of fresh messages and of those that have failed: one
// of these, which are true, after each seven of the others.
func orderOf(fresh, failed int) (order []bool) {
	for i := range fresh {
		order = append(order, false)
		if i%7 == 6 && i/7 < failed {
			order = append(order, true)
		}
	}
	return append(order, slices.Repeat([]bool{true}, fresh+failed-len(order))...)
}

// take compares the messages that were claimed with those that were to be, and notes
// that they are held.
func (m *model) take(got []Message, want choice, c *Claim) {
	if want.suspect != "" {
		if len(got) != 1 {
			m.Fatalf("claimed %+v by %+v, want the suspect %s", got, c, want.suspect)
		}
		m.hold(got[0], want.suspect, Suspects)
	} else if len(got) != len(want.order) {
		m.Fatalf("claimed %+v by %+v, want %q and %q", got, c, want.fresh, want.failed)
	}
	fresh, failed := 0, 0
	for i, again := range want.order {
		g := got[i]
		if again {
			m.hold(g, want.failed[failed], Retries)
			failed++
			continue
		}
		if body := want.fresh[fresh]; g.Body != body || g.Attempt != 1 || g.Failure != "" || g.Pardons != 0 || g.Suspect ||
			m.entries[g.ID] != nil || g.ID != fmt.Sprintf("%s-%d", g.Claim, 1001+fresh) {
			m.Fatalf("number %d is %+v, want %q", i, g, body)
		}
		m.entries[g.ID] = &entry{body: g.Body, claim: g.Claim, state: Claims}
		fresh++
	}
	m.shift(fresh)
	for _, g := range got {
		m.claims[g.Claim] = int(c.Lease / unit)
		m.handles = append(m.handles, g.Handle)
	}
}

// hold compares a message that had failed with the one that was to be claimed, and
// notes that it is held.
func (m *model) hold(g Message, id string, from Kind) {
	e := m.entries[id]
	if g.ID != id || e.state != from || g.Attempt != e.attempts+1 || g.Pardons != e.pardons || g.Body != e.body || (g.Failure != "") != e.failed || g.Suspect != (from == Suspects) {
		m.Fatalf("claimed %+v, want %s, which is %+v", g, id, e)
	}
	e.state, e.claim, e.attempts = Claims, g.Claim, g.Attempt
}

// shift takes messages off staging and the queue, and returns the last.
func (m *model) shift(n int) (body string) {
	for range n {
		if len(m.staging) > 0 {
			body = pop(&m.staging)
		} else {
			body = pop(&m.queue)
		}
	}
	return body
}

// expectDeaths compares the messages that died. One that was too long when it was
// fresh has an id from then on.
func (m *model) expectDeaths(got []Death, want []string, overlong bool) {
	var ids []string
	for _, d := range got {
		ids = append(ids, d.ID)
	}
	for _, id := range want {
		m.entries[id].state, m.entries[id].failed = Dead, true
	}
	if overlong {
		i := slices.IndexFunc(ids, func(id string) bool { return m.entries[id] == nil && strings.HasSuffix(id, "-1000") })
		if i < 0 {
			m.Fatalf("%+v died, want %q and a fresh message", got, want)
		}
		m.entries[ids[i]] = &entry{body: m.shift(1), attempts: 1, state: Dead, failed: true}
		want = append(want, ids[i])
	}
	slices.Sort(ids)
	slices.Sort(want)
	if !slices.Equal(ids, want) {
		m.Fatalf("%+v died, want %q", got, want)
	}
}
