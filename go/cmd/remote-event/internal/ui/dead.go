package ui

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/remote-events/remote-events/go/queueadmin"
)

const (
	// lettersPerPage is the number of dead letters on a page.
	lettersPerPage = 50
	// nameBytes is the maximum length of a message that is read for its event's name.
	nameBytes = 64 << 10
	// searchBytes and searchTime limit the search for one page.
	searchBytes = 64 << 20
	searchTime  = 2 * time.Second
)

// deadBody is the content of the page of dead letters.
type deadBody struct {
	Filter  *filter
	Problem string // of the filter
	Reasons []string
	Queues  []string
	Rows    []deadRow
	Total   int64  // dead letters of the queues, whether they match or not
	Next    string // the link to older ones
	First   string // the link to the latest ones, if others are shown
	// Searched is the number of dead letters that were read, and Reached how far back, if
	// the search ended before the page was full.
	Searched int
	Reached  time.Time
	Errors   []string // of queues that cannot be read
	Action   string   // the address of the form
}

// deadRow is a dead letter in the list.
type deadRow struct {
	queueadmin.DeadLetterSummary

	Event, EventID string
	Value          string // for the form
}

func (u *UI) deadPage(ctx context.Context, r *http.Request) (*page, error) {
	params, err := queryOf(r)
	if err != nil {
		return nil, err
	}
	f, err := filterOf(params, time.Now())
	b := deadBody{Filter: f, Action: f.link("/operation")}
	p := &page{Template: "dead", Title: "Dead letters", Section: "dead", Live: []string{"dead-total"}, Body: &b}
	for _, code := range queueadmin.Codes() {
		b.Reasons = append(b.Reasons, string(code))
	}
	if f.Reason != "" && !slices.Contains(b.Reasons, f.Reason) {
		b.Reasons = append(b.Reasons, f.Reason)
	}
	queues := u.deadQueues(f, &b)
	if err != nil {
		b.Problem, p.Code = err.Error(), http.StatusBadRequest
		return p, nil
	}
	if isStream(r) {
		return p, nil
	}
	at, err := cursorOf(params.text("after"))
	if err != nil {
		return nil, err
	}
	if at != nil {
		b.First = f.link("/dead")
	}
	release, err := u.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return p, u.search(ctx, queues, at, &b)
}

// deadQueues returns the names of the queues whose dead letters are shown, and fills in their
// number and the names that can be chosen.
func (u *UI) deadQueues(f *filter, b *deadBody) []string {
	u.mu.RLock()
	defer u.mu.RUnlock()
	var names []string
	for name, w := range u.queues {
		if w.info.Stats.Dead > 0 || w.err != nil {
			b.Queues = append(b.Queues, name)
			if !f.OneQueue || f.Queue == name {
				names = append(names, name)
				b.Total += w.info.Stats.Dead
			}
		}
	}
	slices.Sort(b.Queues)
	if f.OneQueue && len(names) == 0 {
		names = append(names, f.Queue)
	}
	slices.Sort(names)
	return names
}

// cursor is the place of a dead letter in the list. The list is sorted by the time of death,
// the latest first, then by queue, and then by id in descending order.
type cursor struct {
	died time.Time
	letterKey
}

func (c *cursor) compare(other *cursor) int {
	return cmp.Or(other.died.Compare(c.died), strings.Compare(c.queue, other.queue), strings.Compare(other.id, c.id))
}

func (c *cursor) String() string {
	return strconv.FormatInt(c.died.UnixMilli(), 10) + "/" + c.value()
}

// cursorOf parses a cursor. It is nil for an empty text.
func cursorOf(text string) (*cursor, error) {
	if text == "" {
		return nil, nil
	}
	died, key, _ := strings.Cut(text, "/")
	ms, err := strconv.ParseInt(died, 10, 64)
	if err != nil {
		return nil, &httpError{http.StatusBadRequest, "The address of the page is damaged: after is not a place in the list."}
	}
	k, err := parseKey(key)
	return &cursor{time.UnixMilli(ms), k}, err
}

// search finds the dead letters of a page, the latest first.
func (u *UI) search(ctx context.Context, names []string, after *cursor, b *deadBody) error {
	deadline := time.Now().Add(searchTime)
	entries, stop, err := u.latest(ctx, names, b, after)
	if err != nil {
		return err
	}
	defer stop()
	read := int64(0)
	var last *cursor
	for batch := lettersPerPage + 1; ; batch = 500 {
		var some []cursor
		for len(some) < batch {
			entry, ok, err := entries()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			some = append(some, entry)
		}
		rows, bytes, err := u.matching(ctx, some, b)
		if err != nil {
			return err
		}
		read += bytes
		b.Searched += len(some)
		for _, row := range rows {
			if len(b.Rows) == lettersPerPage {
				b.Next = b.Filter.link("/dead", "after", last.String())
				b.Searched = 0
				return nil
			}
			b.Rows = append(b.Rows, row)
			last = &cursor{row.Died, letterKey{row.Queue, row.ID}}
		}
		switch {
		case len(some) < batch:
			b.Searched = 0
			return nil
		case read >= searchBytes || time.Now().After(deadline):
			end := some[len(some)-1]
			b.Next, b.Reached = b.Filter.link("/dead", "after", end.String()), end.died
			return nil
		}
	}
}

// source is the sequence of the latest deaths of a queue.
type source struct {
	queue string
	next  func() (queueadmin.Death, error, bool)
	stop  func()
	head  *cursor // nil at the end
	err   error
}

// advance reads the next death that is in the list and within the filter.
func (s *source) advance(f *filter, after *cursor) {
	for {
		d, err, ok := s.next()
		s.head, s.err = nil, err
		if err != nil || !ok || d.Died.Before(f.since) {
			return
		}
		s.head = &cursor{d.Died, letterKey{s.queue, d.ID}}
		if after == nil || s.head.compare(after) > 0 {
			return
		}
	}
}

// latest returns a function that returns the deaths of queues, the latest first.
func (u *UI) latest(ctx context.Context, names []string, b *deadBody, after *cursor) (next func() (cursor, bool, error), stop func(), err error) {
	until := b.Filter.until
	if after != nil && (until.IsZero() || after.died.Before(until)) {
		until = after.died
	}
	var sources []*source
	stop = func() {
		for _, s := range sources {
			s.stop()
		}
	}
	for _, name := range names {
		q, err := u.open(name)
		if err != nil {
			stop()
			return nil, nil, &httpError{http.StatusBadRequest, "A queue cannot have this name: " + err.Error()}
		}
		s := &source{queue: name}
		s.next, s.stop = iter.Pull2(q.LatestDeaths(ctx, until))
		sources = append(sources, s)
	}
	u.eachAtOnce(sources, func(s *source) { s.advance(b.Filter, after) })
	next = func() (cursor, bool, error) {
		var first *source
		for _, s := range sources {
			if s.err != nil {
				if !isReply(s.err) {
					return cursor{}, false, s.err
				}
				b.Errors, s.err = append(b.Errors, s.err.Error()), nil // the others are shown
			}
			if s.head != nil && (first == nil || s.head.compare(first.head) < 0) {
				first = s
			}
		}
		if first == nil {
			return cursor{}, false, nil
		}
		entry := *first.head
		first.advance(b.Filter, nil)
		return entry, true, nil
	}
	return next, stop, nil
}

// eachAtOnce calls a function with each source, several at once: each makes a round trip.
func (u *UI) eachAtOnce(sources []*source, do func(s *source)) {
	const atOnce = 8
	var group sync.WaitGroup
	work := make(chan *source)
	for range min(atOnce, len(sources)) {
		group.Go(func() {
			for s := range work {
				do(s)
			}
		})
	}
	for _, s := range sources {
		work <- s
	}
	close(work)
	group.Wait()
}

// matching returns the dead letters among entries that match, in the order of the entries, and
// the number of bytes that were read.
func (u *UI) matching(ctx context.Context, entries []cursor, b *deadBody) (rows []deadRow, read int64, err error) {
	ids := map[string][]string{}
	for _, e := range entries {
		ids[e.queue] = append(ids[e.queue], e.id)
	}
	found := map[letterKey]deadRow{}
	for name, ids := range ids {
		q, err := u.open(name)
		if err != nil {
			return nil, read, err
		}
		n, err := eachMatching(ctx, q, ids, b.Filter, nameBytes, func(row deadRow, _ []byte) { found[letterKey{name, row.ID}] = row })
		read += n
		if err != nil {
			if !isReply(err) {
				return nil, read, err
			}
			b.Errors = append(b.Errors, err.Error())
		}
	}
	for _, e := range entries {
		if row, ok := found[e.letterKey]; ok {
			rows = append(rows, row)
		}
	}
	return rows, read, nil
}

// eachMatching calls a function with the dead letters among ids that match, and with the
// messages that have at most maxBytes or that the filter reads. It returns the number of
// bytes that it read.
func eachMatching(ctx context.Context, q *queueadmin.Queue, ids []string, f *filter, maxBytes int64, do func(row deadRow, raw []byte)) (read int64, err error) {
	without := f.rules.WithoutMessage()
	reads := len(without) < len(f.rules)
	var rows []deadRow
	var wanted []string
	at := map[string]int{}
	for s, err := range q.SummariesByID(ctx, ids...) {
		if err != nil {
			return read, err
		}
		letter := queueadmin.DeadLetter{ID: s.ID, Queue: s.Queue, Code: s.Code, Error: s.Error, Died: s.Died}
		if !f.includes(s.Died) || !without.Take(&letter) {
			continue
		}
		rows = append(rows, deadRow{DeadLetterSummary: s, Value: letterKey{s.Queue, s.ID}.value()})
		if reads || s.Bytes <= maxBytes {
			at[s.ID] = len(rows) - 1
			wanted = append(wanted, s.ID)
		}
	}
	raws := 0 // rows before this one were passed on
	pass := func(to int) {
		for ; raws < to; raws++ {
			if _, read := at[rows[raws].ID]; !read {
				do(rows[raws], nil)
			}
		}
	}
	for letter, err := range q.DeadLettersByID(ctx, wanted...) {
		if err != nil {
			return read, err
		}
		read += int64(len(letter.Raw))
		i := at[letter.ID]
		pass(i)
		if !f.rules.Take(&letter) {
			continue
		}
		row := rows[i]
		row.Event, row.EventID = letter.Event()
		do(row, letter.Raw)
	}
	pass(len(rows))
	return read, nil
}
