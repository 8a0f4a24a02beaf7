package ui

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/remote-events/remote-events/go/cmd/remote-event/internal/deadletter"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// The phases of an operation.
const (
	phaseSelecting = "selecting" // it searches for the dead letters
	phaseReady     = "ready"     // it waits for confirmation
	phaseRunning   = "running"
	phaseDone      = "done"
	phaseStopped   = "stopped"
	phaseFailed    = "failed"
)

const (
	// maxSelected is the maximum number of dead letters of an operation.
	maxSelected = 1_000_000
	// maxActive is the maximum number of operations that search or run at once.
	maxActive = 4
	// kept is the time for which an operation that does not run is kept.
	kept = 30 * time.Minute
)

// operations has the operations of a page.
type operations struct {
	running sync.WaitGroup

	mu      sync.Mutex
	all     map[string]*operation
	changed chan struct{} // is closed by the next change
}

// watch returns a channel that is closed when an operation changes.
func (o *operations) watch() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	return o.changed
}

// note announces a change. The caller holds o.mu.
func (o *operations) note() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}

// operation requeues or drops dead letters. It selects them first, and changes them when a
// person has confirmed their number. It therefore changes none that is added meanwhile.
// operations.mu protects it.
type operation struct {
	operationView

	filter *filter
	keys   []letterKey // of selected dead letters, nil for all that match
	ids    map[string][]string
	deadly map[string][]string // those that would end an original receiver
	stop   context.CancelFunc
	used   time.Time
}

// operationView is the content of the page of an operation.
type operationView struct {
	ID, Action string
	Phase      string
	Words      []string // describe the selection
	Back       string   // the link to the list
	Searched   int
	Selected   int
	Deadly     int
	Full       bool // there are more than maxSelected
	Total      int  // to change, when it runs
	Done, Gone int
	Forced     bool
	Errors     []string
	Queues     []queueCount
	MoreQueues int
}

// queueCount is the number of dead letters of a queue.
type queueCount struct {
	Name        string
	Count, Kept int
}

// Verb and Past name the action.
func (v *operationView) Verb() string {
	if v.Action == "drop" {
		return "Drop"
	}
	return "Requeue"
}

// Past names the action when it is done.
func (v *operationView) Past() string {
	if v.Action == "drop" {
		return "Dropped"
	}
	return "Requeued"
}

// Active reports whether the operation searches or runs.
func (v *operationView) Active() bool { return v.Phase == phaseSelecting || v.Phase == phaseRunning }

// Changeable is the number of dead letters that it changes without force.
func (v *operationView) Changeable() int { return v.Selected - v.Deadly }

// beginOperation begins to select the dead letters of a form.
func (u *UI) beginOperation(r *http.Request) (to string, err error) {
	params, err := queryOf(r)
	if err != nil {
		return "", err
	}
	f, err := filterOf(params, time.Now())
	if err != nil {
		return "", err
	}
	if err := r.ParseForm(); err != nil {
		return "", &httpError{http.StatusBadRequest, "The form is damaged, and nothing was changed."}
	}
	op := &operation{filter: f, ids: map[string][]string{}, deadly: map[string][]string{}}
	op.ID, op.Phase, op.Back = rand.Text(), phaseSelecting, f.link("/dead")
	action := r.PostForm.Get("do")
	switch action {
	case "requeue-selected", "drop-selected":
		op.keys = []letterKey{}
		for _, value := range r.PostForm["letter"] {
			key, err := parseKey(value)
			if err != nil {
				return "", err
			}
			op.keys = append(op.keys, key)
		}
		if len(op.keys) == 0 {
			return "", &httpError{http.StatusBadRequest, "No dead letter is selected, and nothing was changed. Go back and select some."}
		}
		op.Words = []string{"selected by hand"}
	case "requeue-matching", "drop-matching":
		op.Words = f.Words()
	default:
		return "", &httpError{http.StatusBadRequest, "There is no such action, and nothing was changed."}
	}
	op.Action = map[bool]string{true: "requeue", false: "drop"}[action[0] == 'r']
	if err := u.launch(op, u.selectLetters); err != nil {
		return "", err
	}
	select { // mostly the page can show the number at once
	case <-time.After(300 * time.Millisecond):
	case <-u.settled(op):
	case <-r.Context().Done():
	}
	return link("/operation", "id", op.ID), nil
}

// settled returns a channel that is closed when the operation is no longer active.
func (u *UI) settled(op *operation) <-chan struct{} {
	done := make(chan struct{})
	u.operations.running.Go(func() {
		defer close(done)
		for {
			changed := u.operations.watch()
			if v := u.view(op); !v.Active() {
				return
			}
			select {
			case <-changed:
			case <-u.ctx.Done():
				return
			}
		}
	})
	return done
}

// launch runs a part of an operation in the background.
func (u *UI) launch(op *operation, work func(ctx context.Context, op *operation) error) error {
	o := &u.operations
	o.mu.Lock()
	defer o.mu.Unlock()
	active := 0
	now := time.Now()
	maps.DeleteFunc(o.all, func(_ string, other *operation) bool {
		if other.Active() {
			active++
		}
		return !other.Active() && other != op && now.Sub(other.used) > kept
	})
	if op.Active() && o.all[op.ID] != nil {
		active--
	}
	switch {
	case u.ctx.Err() != nil:
		return &httpError{http.StatusServiceUnavailable, "The server ends, and nothing was changed."}
	case active >= maxActive:
		return &httpError{http.StatusServiceUnavailable, "Other operations are running. Try again when they are done."}
	}
	ctx, cancel := context.WithCancel(u.ctx)
	op.stop, op.used = cancel, now
	o.all[op.ID] = op
	o.running.Go(func() {
		defer cancel()
		err := work(ctx, op)
		u.finish(ctx, op, err)
	})
	return nil
}

// finish records the result of a part of an operation.
func (u *UI) finish(ctx context.Context, op *operation, err error) {
	u.update(op, func() {
		op.used = time.Now()
		switch {
		case ctx.Err() != nil:
			op.Phase = phaseStopped
		case err != nil:
			op.Errors, op.Phase = append(op.Errors, err.Error()), phaseFailed
		case op.Phase == phaseSelecting:
			op.Phase = phaseReady
		default:
			op.Phase = phaseDone
		}
		if op.Phase != phaseReady {
			op.ids, op.deadly = nil, nil
		}
	})
	v := u.view(op)
	if v.Total > 0 {
		u.log.Info("dead letters changed", "action", v.Action, "phase", v.Phase, "changed", v.Done, "gone", v.Gone, "selected", v.Total)
	}
}

// update changes an operation and announces it.
func (u *UI) update(op *operation, change func()) {
	u.operations.mu.Lock()
	defer u.operations.mu.Unlock()
	change()
	op.Queues, op.MoreQueues = nil, 0
	for _, name := range slices.Sorted(maps.Keys(op.ids)) {
		if q := (queueCount{name, len(op.ids[name]), len(op.deadly[name])}); q.Count+q.Kept > 0 {
			op.Queues = append(op.Queues, q)
		}
	}
	const shown = 20
	if n := len(op.Queues); n > shown {
		op.Queues, op.MoreQueues = op.Queues[:shown], n-shown
	}
	u.operations.note()
}

// view returns the content of the page.
func (u *UI) view(op *operation) operationView {
	u.operations.mu.Lock()
	defer u.operations.mu.Unlock()
	v := op.operationView
	v.Errors = slices.Clone(v.Errors)
	return v
}

// selectLetters finds the dead letters of an operation, the oldest of each queue first.
func (u *UI) selectLetters(ctx context.Context, op *operation) error {
	if op.keys != nil {
		of := map[string][]string{}
		for _, k := range op.keys {
			of[k.queue] = append(of[k.queue], k.id)
		}
		for name, ids := range of {
			slices.Sort(ids) // by age
			if err := u.spare(op, u.selectOf(ctx, op, name, ids, &filter{})); err != nil {
				return err
			}
		}
		return nil
	}
	for _, name := range u.queuesOf(op.filter) {
		q, err := u.open(name)
		if err != nil {
			return err
		}
		const page = 500
		var ids []string
		for id, err := range q.DeadLetterIDs(ctx) {
			if err != nil {
				if err := u.spare(op, err); err != nil {
					return err
				}
				break
			}
			if ids = append(ids, id); len(ids) == page {
				if err := u.spare(op, u.selectOf(ctx, op, name, ids, op.filter)); err != nil {
					return err
				}
				ids = nil
			}
			if u.view(op).Full {
				return nil
			}
		}
		if err := u.spare(op, u.selectOf(ctx, op, name, ids, op.filter)); err != nil {
			return err
		}
	}
	return nil
}

// queuesOf returns the names of the queues that a filter includes, even of queues that had no
// dead letters when they were observed.
func (u *UI) queuesOf(f *filter) []string {
	if f.OneQueue {
		return []string{f.Queue}
	}
	u.mu.RLock()
	defer u.mu.RUnlock()
	return sortedNames(u.queues)
}

// spare records the error of one queue, so that the operation can continue with the others. It
// returns other errors.
func (u *UI) spare(op *operation, err error) error {
	if err == nil || !isReply(err) {
		return err
	}
	u.update(op, func() {
		if text := err.Error(); !slices.Contains(op.Errors, text) {
			op.Errors = append(op.Errors, text)
		}
	})
	return nil
}

// selectOf adds the dead letters among ids that match.
func (u *UI) selectOf(ctx context.Context, op *operation, name string, ids []string, f *filter) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	q, err := u.open(name)
	if err != nil {
		return &httpError{http.StatusBadRequest, err.Error()}
	}
	maxBytes := int64(-1) // reads no message
	if op.Action == "requeue" {
		maxBytes = 1 << 62
	}
	var safe, deadly []string
	if _, err := eachMatching(ctx, q, ids, f, maxBytes, func(row deadRow, raw []byte) {
		if op.Action == "requeue" && deadletter.StopsOriginal(&queueadmin.DeadLetter{Queue: name, Raw: raw}) {
			deadly = append(deadly, row.ID)
		} else {
			safe = append(safe, row.ID)
		}
	}); err != nil {
		return err
	}
	u.update(op, func() {
		op.Searched += len(ids)
		room := maxSelected - op.Selected
		if len(safe)+len(deadly) > room {
			op.Full = true
			safe = safe[:min(len(safe), room)]
			deadly = deadly[:min(len(deadly), room-len(safe))]
		}
		op.ids[name] = append(op.ids[name], safe...)
		op.deadly[name] = append(op.deadly[name], deadly...)
		op.Selected += len(safe) + len(deadly)
		op.Deadly += len(deadly)
	})
	return nil
}

// errNoOperation is the error of an operation that is not known.
var errNoOperation = &httpError{http.StatusNotFound, "There is no such operation. Operations end with the server, and are forgotten after half an hour."}

func (u *UI) operationOf(r *http.Request) (*operation, error) {
	params, err := queryOf(r)
	if err != nil {
		return nil, err
	}
	u.operations.mu.Lock()
	defer u.operations.mu.Unlock()
	op := u.operations.all[params.text("id")]
	if op == nil {
		return nil, errNoOperation
	}
	return op, nil
}

func (u *UI) operationPage(_ context.Context, r *http.Request) (*page, error) {
	op, err := u.operationOf(r)
	if err != nil {
		return nil, err
	}
	v := u.view(op)
	return &page{
		Template: "operation", Title: v.Verb() + " dead letters", Section: "dead", Live: []string{"operation-live"}, Refresh: v.Active(), Body: &v,
	}, nil
}

// runOperation runs an operation that a person has confirmed.
func (u *UI) runOperation(r *http.Request) (to string, err error) {
	op, err := u.operationOf(r)
	if err != nil {
		return "", err
	}
	if err := r.ParseForm(); err != nil {
		return "", &httpError{http.StatusBadRequest, "The form is damaged, and nothing was changed."}
	}
	to = link("/operation", "id", op.ID)
	confirmed := false
	u.update(op, func() {
		if op.Phase != phaseReady { // it was confirmed twice
			return
		}
		confirmed = true
		op.Phase, op.Forced = phaseRunning, r.PostForm.Get("force") != ""
		op.Total = op.Changeable()
		if op.Forced {
			op.Total = op.Selected
		}
	})
	if !confirmed {
		return to, nil
	}
	if err := u.launch(op, u.change); err != nil {
		u.update(op, func() { op.Phase, op.Total = phaseReady, 0 })
		return "", err
	}
	select {
	case <-time.After(300 * time.Millisecond):
	case <-u.settled(op):
	case <-r.Context().Done():
	}
	return to, nil
}

// change changes the selected dead letters in batches.
func (u *UI) change(ctx context.Context, op *operation) error {
	change := deadletter.Change(deadletter.Requeue)
	if op.Action == "drop" {
		change = deadletter.Drop
	}
	for _, name := range slices.Sorted(maps.Keys(op.ids)) {
		q, err := u.open(name)
		if err != nil {
			return err
		}
		ids := op.ids[name]
		if op.Forced {
			ids = slices.Sorted(slices.Values(slices.Concat(ids, op.deadly[name]))) // by age
		}
		err = change.InBatches(ctx, q, ids, func(done, gone int) {
			u.update(op, func() {
				op.Done += done
				op.Gone += gone
			})
		})
		if err := u.spare(op, err); err != nil {
			return err
		}
	}
	if v := u.view(op); len(v.Errors) > 0 && v.Done+v.Gone < v.Total {
		return fmt.Errorf("not changed: %d", v.Total-v.Done-v.Gone)
	}
	return nil
}

// stopOperation stops an operation after the batch that was begun.
func (u *UI) stopOperation(r *http.Request) (to string, err error) {
	op, err := u.operationOf(r)
	if err != nil {
		return "", err
	}
	u.operations.mu.Lock()
	stop := op.stop
	u.operations.mu.Unlock()
	stop()
	select {
	case <-time.After(time.Second):
	case <-u.settled(op):
	case <-r.Context().Done():
	}
	return link("/operation", "id", op.ID), nil
}
