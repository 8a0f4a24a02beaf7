package lease

import (
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"
)

func (m *model) drain(*rapid.T) {
	moved, err := m.q.Drain(background)
	m.must(err)
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
		m.Fatalf("drain moved %d to %q, want %q and then %q", moved, got, want, given)
	}
	m.queue, m.staging = got, nil
}

func (m *model) importLetters(*rapid.T) {
	ids, err := m.q.Import(background, Letter{Body: []byte("\xfflost"), Reason: "why", Attempts: 2, FirstSeen: time.UnixMilli(1e12)}, Letter{Body: nil, Reason: "why"})
	m.must(err)
	m.entries[ids[0]] = &entry{body: "\xfflost", attempts: 2, state: Dead, failed: true}
	m.entries[ids[1]] = &entry{body: "", attempts: 0, state: Dead, failed: true}
	if FirstSeen(ids[0]) != time.UnixMilli(1e12) {
		m.Fatalf("%s was first seen %v", ids[0], FirstSeen(ids[0]))
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

// expectMissing compares the positions of ids that are no dead letters.
func (m *model) expectMissing(ids []string, missing []int, err error) {
	m.must(err)
	for i, id := range ids {
		if e := m.entries[id]; (e != nil && e.state == Dead) == slices.Contains(missing, i) {
			m.Fatalf("%s is %+v: missing are %v", id, e, missing)
		}
	}
}

func (m *model) requeue(t *rapid.T) {
	ids := m.letters(t)
	missing, err := m.q.Requeue(background, ids)
	m.expectMissing(ids, missing, err)
	for _, id := range ids {
		if e := m.entries[id]; e != nil && e.state == Dead {
			m.queue = slices.Insert(m.queue, 0, e.body)
			delete(m.entries, id)
		}
	}
}

func (m *model) drop(t *rapid.T) { m.dropThese(m.letters(t)) }

func (m *model) dropThese(ids []string) {
	missing, err := m.q.Drop(background, ids)
	m.expectMissing(ids, missing, err)
	for _, id := range ids {
		if e := m.entries[id]; e != nil && e.state == Dead {
			delete(m.entries, id)
		}
	}
}

// dead returns the ids of all dead letters.
func (m *model) dead() (ids []string) {
	for id, e := range m.entries {
		if e.state == Dead {
			ids = append(ids, id)
		}
	}
	return ids
}

func (m *model) repair(*rapid.T) {
	ids := append(slices.Sorted(maps.Keys(m.entries)), "none")
	done, err := m.q.Repair(background, ids)
	m.must(err)
	for i, word := range done {
		if word != "none" {
			m.Fatalf("%s was %s where nothing is wrong", ids[i], word)
		}
	}
}
