package lease

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// some draws handles, including stale and wrong ones.
func (m *model) some(t *rapid.T) []Handle {
	if len(m.handles) == 0 {
		return nil
	}
	// Most recent handles are stale. Without this preference, operations on several held
	// messages and on a suspect would be rare.
	recent := m.handles[max(0, len(m.handles)-30):]
	among, held := recent, m.held(recent)
	if len(held) > 0 && rapid.Bool().Draw(t, "held") {
		among = held
	}
	if suspects := m.suspects(); len(suspects) > 0 && rapid.IntRange(0, 3).Draw(t, "suspect") == 0 {
		among = suspects
	}
	var some []Handle
	for range rapid.IntRange(1, 6).Draw(t, "handles") {
		h := rapid.SampledFrom(among).Draw(t, "handle")
		if rapid.IntRange(0, 5).Draw(t, "mistaken") == 0 {
			h.Claim = rapid.SampledFrom(append([]Handle{{Claim: ""}, {Claim: h.ID + "/none"}}, recent...)).Draw(t, "claim").Claim
			h.ID = meant(h)
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

// held returns the handles that are still valid.
func (m *model) held(handles []Handle) []Handle {
	return slices.DeleteFunc(slices.Clone(handles), func(h Handle) bool { return !m.owns(h) })
}

// suspects returns the handles of held suspects.
func (m *model) suspects() (handles []Handle) {
	for _, id := range slices.Sorted(maps.Keys(m.entries)) {
		if e := m.entries[id]; e.state == Claims && strings.Contains(e.claim, "!") {
			handles = append(handles, Handle{id, e.claim})
		}
	}
	return handles
}

// meant returns the id of the message that scripts derive from a handle.
func meant(h Handle) string {
	if mark := strings.IndexAny(h.Claim, "/!"); mark >= 0 {
		return h.Claim[:mark]
	}
	return fmt.Sprintf("%s-%d", h.Claim, indexOf(h))
}

// owns reports whether the claim of a handle has the message.
func (m *model) owns(h Handle) bool {
	e := m.entries[h.ID]
	return e != nil && e.state == Claims && e.claim == h.Claim
}

// expectLost checks the indexes of lost messages.
func (m *model) expectLost(handles []Handle, lost []int, err error) {
	m.must(err)
	for i, h := range handles {
		if m.owns(h) == slices.Contains(lost, i) {
			m.Fatalf("%+v, owner %t: lost = %v", h, m.owns(h), lost)
		}
	}
}

// end ends the claim of a message with a claim of its own.
func (m *model) end(h Handle) {
	if strings.ContainsAny(h.Claim, "/!") {
		delete(m.claims, h.Claim)
	}
}

func (m *model) acknowledge(t *rapid.T) {
	if handles := m.some(t); len(handles) > 0 {
		m.acknowledgeThese(handles, m.ended(t))
	}
}

func (m *model) acknowledgeThese(handles []Handle, finished []string) {
	x := Exchange{Finished: finished}
	for _, h := range handles {
		x.Acknowledge = append(x.Acknowledge, Acknowledgement{Handle: h})
	}
	answer := m.q.Exchange(background, x)
	m.must(answer.Err)
	for i, h := range handles {
		_, live := m.claims[h.Claim]
		// Under a live claim, the acknowledgement of a deleted message succeeds.
		done := live && (m.owns(h) || m.entries[h.ID] == nil)
		if done == slices.Contains(answer.AcknowledgeLost, i) {
			m.Fatalf("%+v, live %t: lost = %v", h, live, answer.AcknowledgeLost)
		}
	}
	for _, h := range handles {
		if m.owns(h) {
			delete(m.entries, h.ID)
			m.end(h)
		}
	}
	m.endClaims(finished)
}

func (m *model) nack(t *rapid.T) {
	handles := m.some(t)
	if len(handles) == 0 {
		return
	}
	delay := rapid.IntRange(-1, 2).Draw(t, "delay")
	x := Exchange{Finished: m.ended(t)}
	for _, h := range handles {
		x.Nack = append(x.Nack, Nack{h, time.Duration(delay) * unit, "why"})
	}
	answer := m.q.Exchange(background, x)
	m.expectLost(handles, answer.NackLost, answer.Err)
	pass(m, m.client, m.q, time.Millisecond) // a nacked message is not due in the same millisecond
	for _, h := range handles {
		if m.owns(h) {
			e := m.entries[h.ID]
			e.state, e.claim, e.due, e.failed, e.attempts = Retries, "", delay, true, max(1, e.attempts)
			if delay < 0 {
				e.state = Dead
			}
			m.end(h)
		}
	}
	m.endClaims(x.Finished)
}

func (m *model) extend(t *rapid.T) {
	var claims []string
	for _, h := range m.some(t) {
		claims = append(claims, h.Claim)
	}
	term := rapid.IntRange(1, 3).Draw(t, "lease")
	lost, err := m.q.Extend(background, time.Duration(term)*unit, claims)
	m.must(err)
	for i, claim := range claims {
		_, live := m.claims[claim]
		if live == slices.Contains(lost, i) {
			m.Fatalf("%q, live %t: lost = %v", claim, live, lost)
		}
		if live {
			m.claims[claim] = term
		}
	}
}

// ended draws a claim to finish, which may have messages or none.
func (m *model) ended(t *rapid.T) []string {
	claims := slices.Sorted(maps.Keys(m.claims))
	if len(claims) == 0 || rapid.Bool().Draw(t, "nothing ends") {
		return nil
	}
	return []string{rapid.SampledFrom(claims).Draw(t, "ends")}
}

// endClaims ends those of the claims that have no messages.
func (m *model) endClaims(claims []string) {
	for _, claim := range claims {
		used := false
		for _, e := range m.entries {
			used = used || e.claim == claim
		}
		if !used {
			delete(m.claims, claim)
		}
	}
}

func (m *model) finish(t *rapid.T) {
	finished := m.ended(t)
	m.must(m.q.Exchange(background, Exchange{Finished: finished}).Err)
	m.endClaims(finished)
}

func (m *model) release(t *rapid.T) {
	handles, finished := m.some(t), m.ended(t)
	lost, err := m.q.Release(background, handles, finished)
	m.expectLost(handles, lost, err)
	m.queue = append(m.queue, m.staging...)
	m.staging = nil
	for _, h := range slices.Backward(handles) {
		if !m.owns(h) {
			continue
		}
		e := m.entries[h.ID]
		m.end(h)
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
	m.endClaims(finished)
}
