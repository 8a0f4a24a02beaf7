package ui

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/wire"
)

const (
	// messagesPerPage is the number of messages on a page.
	messagesPerPage = 50
	// pageBytes is the approximate length of all messages of a page. A page with longer
	// messages has fewer.
	pageBytes = 32 << 20
)

// queueBody is the content of the page of a queue.
type queueBody struct {
	Name    string
	Exists  bool
	Error   string
	Tiles   []tile
	Rate    tile
	Ranges  []choice
	Info    queueadmin.QueueInfo
	Dead    []codeCount
	Waiting int64 // connections of consumers whose queues are unknown
	State   string
	Rows    []messageRow
	Paging  paging
	Total   int64
	AsOf    time.Time
	Reload  string
	Leases  []queueadmin.Lease
}

// codeCount is the number of dead letters with a reason.
type codeCount struct {
	Code  string
	Count int64
	Link  string
}

// messageRow is a message in the list of a queue.
type messageRow struct {
	Position   int64
	Link       string
	Event, ID  string
	Malformed  bool
	Sent, Due  time.Time
	Attempts   int
	Code       string
	Error      string
	Bytes      int64
	Beginning  []byte
	FirstSeen  time.Time
	DeliveryID string
}

func (u *UI) queuePage(ctx context.Context, r *http.Request) (*page, error) {
	params, err := queryOf(r)
	if err != nil {
		return nil, err
	}
	name, given, err := params.bytes("queue")
	if err != nil {
		return nil, err
	}
	if !given {
		return nil, &httpError{http.StatusBadRequest, "The address of the page names no queue."}
	}
	b := queueBody{Name: name, State: params.text("state"), AsOf: time.Now()}
	if b.State == "" {
		b.State = string(queueadmin.StateQueued)
	}
	if !slices.Contains(peekStates, queueadmin.State(b.State)) {
		return nil, &httpError{http.StatusBadRequest, "There is no such state of messages."}
	}
	hours := params.text("range") == "hours"
	span := ""
	if hours {
		span = "hours"
	}
	to := func(state, span, from string) string {
		if state == string(queueadmin.StateQueued) {
			state = ""
		}
		return link("/queue", "queue", encode(name), "state", state, "range", span, "from", from)
	}
	u.describe(&b, hours, func(state string) string {
		if state == "dead" {
			return link("/dead", "queue", encode(name))
		}
		return to(state, span, "") + "#messages"
	})
	b.Ranges = []choice{
		{spanOf(minutesSamples * u.options.Interval), to(b.State, "", ""), !hours},
		{spanOf(hoursSamples * hoursStep), to(b.State, "hours", ""), hours},
	}
	p := &page{Template: "queue", Title: name, Section: "queues", Live: []string{"queue-tiles", "queue-facts"}, Body: &b}
	if isStream(r) { // messages are not live: a reader could not follow
		return p, nil
	}
	from, err := position(params)
	if err != nil {
		return nil, err
	}
	b.Reload = to(b.State, span, params.text("from"))
	more, err := u.readMessages(ctx, &b, from)
	if err != nil {
		if !isReply(err) {
			return nil, err
		}
		b.Error = err.Error()
	}
	b.Paging = pagingOf(from, len(b.Rows), more, messagesPerPage, func(at string) string { return to(b.State, span, at) + "#messages" })
	return p, nil
}

// peekStates are the states whose messages are shown.
var peekStates = []queueadmin.State{queueadmin.StateQueued, queueadmin.StateStaged, queueadmin.StateLeased, queueadmin.StateRetrying}

// describe fills in the observation of the queue.
func (u *UI) describe(b *queueBody, hours bool, to func(state string) string) {
	u.mu.RLock()
	defer u.mu.RUnlock()
	for _, s := range u.servers {
		if s.Waiting != nil {
			b.Waiting += *s.Waiting
		}
	}
	w := u.queues[b.Name]
	if w == nil {
		w = &watched{minutes: history{step: u.options.Interval, max: minutesSamples}, hours: history{step: hoursStep, max: hoursSamples}}
	} else {
		b.Exists = true
	}
	h := &w.minutes
	if hours {
		h = &w.hours
	}
	b.Info = w.info
	b.Leases = w.info.Leases[:min(len(w.info.Leases), 5)]
	if w.err != nil {
		b.Error = w.err.Error()
	}
	now := time.Now()
	b.Tiles = tilesOf(h, now, to)
	for i := range b.Tiles {
		b.Tiles[i].Current = b.Tiles[i].State == b.State
		if b.Tiles[i].Current {
			b.Total = b.Tiles[i].Count
		}
	}
	b.Rate = tile{State: "rate", Label: "Change", Note: "of waiting messages a second", Rate: rate(growth(&w.minutes))}
	b.Rate.Chart = plot(h, now, "Change of waiting messages a second", func(before, s sample) (float64, bool) {
		d := s.at.Sub(before.at).Seconds()
		if d <= 0 || d > 4*h.step.Seconds() {
			return 0, false
		}
		return float64(s.stats.Queued+s.stats.Staged-before.stats.Queued-before.stats.Staged) / d, true
	})
	for code, n := range w.info.DeadByCode {
		b.Dead = append(b.Dead, codeCount{string(code), n, link("/dead", "queue", encode(b.Name), "reason", string(code))})
	}
	slices.SortFunc(b.Dead, func(x, y codeCount) int {
		if x.Count != y.Count {
			return int(y.Count - x.Count)
		}
		return len(x.Code) - len(y.Code)
	})
}

// readMessages reads the messages of a page, and reports whether there are more.
func (u *UI) readMessages(ctx context.Context, b *queueBody, from int) (more bool, err error) {
	q, err := u.open(b.Name)
	if err != nil {
		return false, &httpError{http.StatusBadRequest, "A queue cannot have this name: " + err.Error()}
	}
	release, err := u.enter(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	read := int64(0)
	for m, err := range q.PeekFrom(ctx, from, messagesPerPage+1, queueadmin.State(b.State)) {
		if err != nil {
			return false, err
		}
		if len(b.Rows) == messagesPerPage || read > pageBytes {
			return true, nil
		}
		read += int64(len(m.Raw))
		b.Rows = append(b.Rows, messageRowOf(&m, from+len(b.Rows)))
	}
	return false, nil
}

// enter waits until only a few other requests read long messages.
func (u *UI) enter(ctx context.Context) (release func(), err error) {
	select {
	case u.heavy <- struct{}{}:
		return func() { <-u.heavy }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func messageRowOf(m *queueadmin.Message, at int) messageRow {
	env, err := wire.Decode(m.Raw, wire.Limits{})
	row := messageRow{
		Position: int64(at + 1), Event: env.EventName, ID: env.Metadata.Attributes[wire.AttributeID], Malformed: err != nil,
		Due: m.Due, Attempts: m.Attempts, Code: string(m.Code), Error: m.Error, Bytes: int64(len(m.Raw)), FirstSeen: m.FirstSeen, DeliveryID: m.ID,
	}
	if sent, err := time.Parse(time.RFC3339, env.Metadata.Attributes[wire.AttributeTime]); err == nil {
		row.Sent = sent
	}
	beginning := []byte(env.Payload)
	if err != nil {
		beginning = m.Raw
	}
	row.Beginning = slices.Clone(beginning[:min(len(beginning), 400)]) // without the rest
	id := ""
	if m.ID != "" {
		id = encode(m.ID)
	}
	row.Link = link("/message", "queue", encode(m.Queue), "state", string(m.State), "at", strconv.Itoa(at), "id", id, "digest", digestOf(m.Raw))
	return row
}

// digestOf identifies a message by its bytes.
func digestOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}
