package ui

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// queuesPerPage is the number of queues on a page.
const queuesPerPage = 100

// queuesBody is the content of the page of all queues.
type queuesBody struct {
	Search, Sort string
	Totals       []tile
	Rows         []queueRow
	Count, Found int
	Paging       paging
	Sorts        []choice
}

// tile is a figure with its curve.
type tile struct {
	// State is the name of the state, which selects the colour.
	State, Label string
	Count        int64
	Rate         string
	Chart        chart
	// Note explains the figure.
	Note string
	// Link leads to the messages.
	Link string
	// Current marks the state that is shown.
	Current bool
}

// choice is one link of a group. One link of the group is selected.
type choice struct {
	Label, Link string
	Selected    bool
}

// paging leads to other parts of a list.
type paging struct {
	From, To       int64
	Previous, Next string
	First          string
}

// queueRow is a queue in the list.
type queueRow struct {
	Name   string
	Error  string
	Counts []stateCount
	Change string
	Growth float64
	Chart  chart
	// Sent is the time when the next message was sent, and Since when it was first seen as
	// the next.
	Sent, Since time.Time
	Receivers   string
	Gone        bool

	waiting, dead int64
}

// stateCount is the number of messages in a state.
type stateCount struct {
	State string
	Count int64
}

func (u *UI) queuesPage(_ context.Context, r *http.Request) (*page, error) {
	q, err := queryOf(r)
	if err != nil {
		return nil, err
	}
	b := queuesBody{Search: q.text("search"), Sort: q.text("sort")}
	now := time.Now()
	var sum history
	u.mu.RLock()
	for name, w := range u.queues {
		b.Count++
		if b.Search == "" || strings.Contains(strings.ToLower(name), strings.ToLower(b.Search)) {
			b.Rows = append(b.Rows, rowOf(name, w))
		}
	}
	sum = u.total()
	u.mu.RUnlock()
	b.Found = len(b.Rows)
	b.Totals = tilesOf(&sum, now, nil)
	orders := map[string]func(x, y *queueRow) int{
		"":        func(*queueRow, *queueRow) int { return 0 },
		"waiting": func(x, y *queueRow) int { return cmp.Compare(y.waiting, x.waiting) },
		"dead":    func(x, y *queueRow) int { return cmp.Compare(y.dead, x.dead) },
		"growth":  func(x, y *queueRow) int { return cmp.Compare(y.Growth, x.Growth) },
	}
	order := orders[b.Sort]
	if order == nil {
		return nil, &httpError{http.StatusBadRequest, "There is no such order of queues."}
	}
	slices.SortFunc(b.Rows, func(x, y queueRow) int {
		return cmp.Or(order(&x, &y), strings.Compare(x.Name, y.Name))
	})
	for _, s := range [][2]string{{"", "Name"}, {"waiting", "Waiting"}, {"dead", "Dead"}, {"growth", "Growth"}} {
		b.Sorts = append(b.Sorts, choice{s[1], link("/", "search", b.Search, "sort", s[0]), s[0] == b.Sort})
	}
	from, err := position(q)
	if err != nil {
		return nil, err
	}
	from = min(from, len(b.Rows))
	end := min(from+queuesPerPage, len(b.Rows))
	b.Paging = pagingOf(from, end-from, end < len(b.Rows), queuesPerPage, func(at string) string {
		return link("/", "search", b.Search, "sort", b.Sort, "from", at)
	})
	b.Rows = b.Rows[from:end]
	u.mu.RLock()
	for i := range b.Rows {
		if w := u.queues[b.Rows[i].Name]; w != nil {
			b.Rows[i].Chart = plot(&w.minutes, now, "Waiting messages", func(_, s sample) (float64, bool) { return float64(s.stats.Queued + s.stats.Staged), true })
		}
	}
	u.mu.RUnlock()
	return &page{Template: "queues", Title: "Queues", Section: "queues", Live: []string{"totals", "rows"}, Body: b}, nil
}

// position returns the position from which a list is shown.
func position(q query) (int, error) {
	text := q.text("from")
	if text == "" {
		return 0, nil
	}
	from, err := strconv.Atoi(text)
	if err != nil || from < 0 {
		return 0, &httpError{http.StatusBadRequest, "The address of the page is damaged: from is not a position."}
	}
	return from, nil
}

// pagingOf returns the links to other parts of a list.
func pagingOf(from, shown int, more bool, perPage int, to func(from string) string) paging {
	p := paging{From: int64(from + 1), To: int64(from + shown)}
	if from > 0 {
		p.First = to("")
		p.Previous = to(strconv.Itoa(max(0, from-perPage)))
		if from <= perPage {
			p.Previous = p.First
		}
	}
	if more {
		p.Next = to(strconv.Itoa(from + shown))
	}
	return p
}

// rowOf returns the row of a queue without its curve.
func rowOf(name string, w *watched) queueRow {
	s := w.info.Stats
	row := queueRow{
		Name: name, Sent: w.info.Next.Sent, Since: w.info.Next.Since, waiting: s.Queued + s.Staged, dead: s.Dead,
		Counts: []stateCount{
			{"queued", s.Queued}, {"staged", s.Staged}, {"leased", s.Leased}, {"retrying", s.Retrying}, {"dead", s.Dead},
		},
	}
	if w.err != nil {
		row.Error = w.err.Error()
	}
	row.Growth = growth(&w.minutes)
	row.Change = rate(row.Growth)
	if w.info.ReceiversKnown {
		row.Receivers = count(int64(len(w.info.Receivers)))
	}
	return row
}

// growth returns the change of the number of waiting messages a second, over about ten
// seconds.
func growth(h *history) float64 {
	n := len(h.samples)
	if n < 2 {
		return 0
	}
	last := h.get(n - 1)
	for i := n - 2; i >= 0; i-- {
		before := h.get(i)
		if d := last.at.Sub(before.at); d >= 10*time.Second || i == 0 {
			return float64(last.stats.Queued+last.stats.Staged-before.stats.Queued-before.stats.Staged) / d.Seconds()
		}
	}
	return 0
}

// total returns the sum of the histories of all queues. The caller holds u.mu.
func (u *UI) total() history {
	sum := history{step: u.options.Interval, max: minutesSamples}
	type moment struct {
		stats queueadmin.Stats
		n     int
	}
	moments := map[int64]*moment{}
	var times []int64
	for _, w := range u.queues {
		for _, s := range w.minutes.all() {
			at := s.at.UnixNano() // queues that are sampled together have the same time
			m := moments[at]
			if m == nil {
				m = &moment{}
				moments[at] = m
				times = append(times, at)
			}
			m.stats.Queued += s.stats.Queued
			m.stats.Staged += s.stats.Staged
			m.stats.Leased += s.stats.Leased
			m.stats.Retrying += s.stats.Retrying
			m.stats.Dead += s.stats.Dead
			m.n++
		}
	}
	slices.Sort(times)
	for _, at := range times {
		sum.add(sample{time.Unix(0, at), moments[at].stats})
	}
	return sum
}

// The states in the order of a message's life, with their labels and explanations.
var stateTexts = []struct {
	state, label, note string
	of                 func(s queueadmin.Stats) int64
}{
	{"queued", "Queued", "wait in the list", func(s queueadmin.Stats) int64 { return s.Queued }},
	{"staged", "Staged", "off the list, not yet leased", func(s queueadmin.Stats) int64 { return s.Staged }},
	{"leased", "Leased", "with a receiver", func(s queueadmin.Stats) int64 { return s.Leased }},
	{"retrying", "Retrying", "wait for another attempt", func(s queueadmin.Stats) int64 { return s.Retrying }},
	{"dead", "Dead", "wait for an operator", func(s queueadmin.Stats) int64 { return s.Dead }},
}

// tilesOf returns a tile for each state.
func tilesOf(h *history, now time.Time, to func(state string) string) []tile {
	var tiles []tile
	for _, st := range stateTexts {
		t := tile{State: st.state, Label: st.label, Note: st.note}
		t.Chart = plot(h, now, st.label+" messages", func(_, s sample) (float64, bool) { return float64(st.of(s.stats)), true })
		if n := len(h.samples); n > 0 {
			t.Count = st.of(h.get(n - 1).stats)
		}
		if to != nil {
			t.Link = to(st.state)
		}
		tiles = append(tiles, t)
	}
	return tiles
}
