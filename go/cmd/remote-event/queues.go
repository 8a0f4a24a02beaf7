package main

import (
	"context"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// queues are those that a verb is about, with the way to them.
type queues struct {
	all     []*remoteevent.Queue
	client  *redis.Client
	address string
}

// openQueues connects, and finds the queues with the names; where there are none,
// those of the configuration and all that Redis has. The client is the caller's
// to close.
func (a *app) openQueues(ctx context.Context, names []string) (*queues, error) {
	configuration, err := a.configuration()
	if err != nil {
		return nil, err
	}
	client, address, err := a.connect(ctx, configuration)
	if err != nil {
		return nil, err
	}
	q := &queues{client: client, address: address}
	if len(names) == 0 {
		found, err := remoteevent.FindQueues(ctx, client)
		if err != nil {
			_ = client.Close()
			return nil, withHint(a.redisError(ctx, q, err), "name the queues, if you may not look for them")
		}
		names = found
		if configuration != nil {
			names = append(names, configuration.RemoteEvent.Events...)
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		queue, err := remoteevent.NewQueue(client, name)
		if err != nil {
			_ = client.Close()
			return nil, usageError(err.Error())
		}
		q.all = append(q.all, queue)
	}
	return q, nil
}

func (q *queues) close() { _ = q.client.Close() }

// find returns the queue with a name.
func (q *queues) find(name string) *remoteevent.Queue {
	for _, queue := range q.all {
		if queue.Name() == name {
			return queue
		}
	}
	return nil
}

// redisError explains an error of Redis, or of the way to it.
func (a *app) redisError(ctx context.Context, q *queues, err error) error {
	var answer redis.Error
	var coded *exitError
	switch {
	case err == nil, isOutputError(err), errors.As(err, &coded):
		return err
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case isPermission(err), !errors.As(err, &answer):
		return a.explain(q.address, q.client.Options(), err)
	default:
		return withHint(err, hintForAnswer(q.client.Options(), answer.Error()))
	}
}
