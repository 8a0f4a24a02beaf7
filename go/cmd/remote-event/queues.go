package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/config"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// queues are the queues of a command, with their connection.
type queues struct {
	*connection

	all []*queueadmin.Queue

	configured []string        // names in the configuration
	given      map[string]bool // names from arguments or configuration

	code   int             // the exit code of failures so far
	failed map[string]bool // queues whose failure an observation has reported
}

// openQueues connects, and opens the queues with the names. Without names, it opens those
// of the configuration and all in Redis. The caller closes the client.
func (a *app) openQueues(ctx context.Context, names []string) (*queues, error) {
	q, err := a.connectQueues(ctx, a.connect)
	if err != nil {
		return nil, err
	}
	if err := a.findQueues(ctx, q, names); err != nil {
		q.close()
		return nil, err
	}
	return q, nil
}

// connectQueues connects with a function, without opening a queue.
func (a *app) connectQueues(ctx context.Context, connect func(context.Context, *config.Config) (*connection, error)) (*queues, error) {
	configuration, err := a.configuration(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := connect(ctx, configuration)
	if err != nil {
		return nil, err
	}
	return &queues{connection: conn, configured: eventsOf(configuration), failed: map[string]bool{}}, nil
}

func eventsOf(c *config.Config) []string {
	if c == nil {
		return nil
	}
	return c.RemoteEvent.Events
}

func (a *app) findQueues(ctx context.Context, q *queues, names []string) error {
	q.given = map[string]bool{}
	for _, name := range append(slices.Clone(names), q.configured...) {
		q.given[name] = true
	}
	if len(names) == 0 {
		found, err := queueadmin.FindQueues(ctx, q.client)
		switch {
		case isPermission(err):
			return withHint(a.redisError(ctx, q, err), "name the queues: the user may not search for them")
		case isUnknownCommand(err):
			return withHint(a.redisError(ctx, q, err), "name the queues: this is a Sentinel, a proxy, or a server that has disabled or renamed SCAN; remote-event doctor examines it")
		case err != nil:
			return a.redisError(ctx, q, err)
		}
		names = slices.Concat(found, q.configured)
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		queue, err := queueadmin.Open(q.client, name)
		if err != nil {
			return usageError(err.Error())
		}
		q.all = append(q.all, queue)
	}
	return nil
}

// find returns the queue with a name, and opens it on first use.
func (q *queues) find(name string) *queueadmin.Queue {
	for _, queue := range q.all {
		if queue.Name() == name {
			return queue
		}
	}
	return nil
}

// spare reports the error of one queue, so that the command can continue with the
// others. For a connection error, which concerns all queues, it returns the error.
func (a *app) spare(ctx context.Context, q *queues, queue *queueadmin.Queue, err error) error {
	var coded *exitError
	if errors.As(err, &coded) || isOutputError(err) {
		return err
	}
	if _, ok := errors.AsType[*recordError](err); ok {
		a.report(err)
		q.note(exitFailed)
		return nil
	}
	var answer redis.Error
	if ctx.Err() != nil || !errors.As(err, &answer) {
		return a.redisError(ctx, q, err)
	}
	fault := withHint(err, hintForAnswer(q.target, answer.Error()))
	code := exitFailed
	switch {
	case isPermission(err):
		code = exitConnection
		fault = withHint(err, a.permission(ctx, q.client, queue.Name()))
	case redis.HasErrorPrefix(answer, "WRONGTYPE"):
		fault = withHint(err, "remote-event doctor "+named(queue.Name())+" names the key of another type")
	}
	a.report(fault)
	q.note(code)
	return nil
}

// note records the exit code of a failure. A denied command has the highest priority, and
// a missing queue the lowest.
func (q *queues) note(code int) {
	rank := func(code int) int {
		return slices.Index([]int{exitDone, exitNothing, exitFailed, exitConnection}, code)
	}
	if rank(code) > rank(q.code) {
		q.code = code
	}
}

// outcome returns the error of a command that has reported its failures.
func (q *queues) outcome() error {
	if q.code == exitDone {
		return nil
	}
	return &exitError{code: q.code}
}

// expect reports a queue that the user named and that does not exist.
func (a *app) expect(ctx context.Context, q *queues, queue *queueadmin.Queue) (exists bool, err error) {
	exists, err = queue.Exists(ctx)
	if err != nil || exists {
		return true, err
	}
	a.report(fmt.Errorf("the queue %s does not exist: Redis has neither a list with this name nor companion keys", quoted(queue.Name())))
	q.note(exitNothing)
	return false, nil
}

// expectAll reports the queues that the user named and that do not exist.
func (a *app) expectAll(ctx context.Context, q *queues, names []string) error {
	for _, queue := range q.all {
		if !slices.Contains(names, queue.Name()) {
			continue
		}
		if _, err := a.expect(ctx, q, queue); err != nil {
			if err := a.spare(ctx, q, queue, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// denied explains a command or a client that Redis denied.
func (a *app) denied(ctx context.Context, q *queues, err error) error {
	if redis.IsAuthError(err) {
		return a.explain(q.target, err)
	}
	var names []string
	for _, queue := range q.all {
		names = append(names, queue.Name())
	}
	return withHint(a.explain(q.target, err), a.permission(ctx, q.client, names...))
}

// redisError explains an error of Redis or of the connection.
func (a *app) redisError(ctx context.Context, q *queues, err error) error {
	var answer redis.Error
	var coded *exitError
	switch {
	case err == nil, isOutputError(err), errors.As(err, &coded):
		return err
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case isPermission(err):
		return a.denied(ctx, q, err)
	case !errors.As(err, &answer):
		return a.explain(q.target, err)
	default:
		return withHint(err, hintForAnswer(q.target, answer.Error()))
	}
}
