package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/wire"
)

// peekEvents prints the events that wait in the queues, in the form of listen, and takes
// none. In text, an event begins with the time at which it was sent, if it has one.
func (a *app) peekEvents(ctx context.Context, l *listening, names []string, conn *connection) error {
	queues := &queues{connection: conn}
	if err := a.findQueues(ctx, queues, names); err != nil {
		return err
	}
	shown := 0
	for _, q := range queues.all {
		err := a.peekQueueEvents(ctx, l, q, &shown)
		if err == nil {
			_, err = a.expect(ctx, queues, q)
		}
		if err != nil {
			if err := a.spare(ctx, queues, q, err); err != nil {
				return err
			}
		}
	}
	if shown == 0 && queues.code == exitDone {
		return &exitError{exitNothing, errors.New("no event waits")}
	}
	return queues.outcome()
}

// peekQueueEvents prints the events that wait in a queue, until so many are shown as
// --count says.
func (a *app) peekQueueEvents(ctx context.Context, l *listening, q *queueadmin.Queue, shown *int) error {
	limit := math.MaxInt
	if l.count > 0 {
		limit = l.count
	}
	if *shown >= limit {
		return nil
	}
	for m, err := range q.Peek(ctx, math.MaxInt, queueadmin.StateStaged, queueadmin.StateQueued) {
		if err != nil {
			return err
		}
		env, err := wire.Decode(m.Raw, wire.Limits{})
		if err != nil {
			a.warn(fmt.Sprintf("queue %s: %v; it becomes a dead letter when a reliable receiver takes it", named(q.Name()), err))
			continue
		}
		sent, _ := sentAt(env)
		if err := a.printEvent(l.output, q.Name(), env, sent); err != nil {
			return err
		}
		if *shown++; *shown == limit {
			break
		}
	}
	return nil
}
