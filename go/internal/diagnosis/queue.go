package diagnosis

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/acl"
	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// examination examines one queue for one role.
type examination struct {
	client redis.UniversalClient
	queue  *lease.Queue
	role   acl.Role
}

// Queue finds problems that would stop a receiver of the queue, for the client's user:
// a denied script or command, a key of another type, a replica. It takes no message and
// changes nothing. It returns an error if the connection fails.
func Queue(ctx context.Context, client redis.UniversalClient, queue *lease.Queue, role acl.Role) ([]Diagnosis, error) {
	// Redis closes the connection of an unauthenticated client that sends a long command.
	if err := client.Ping(ctx).Err(); lease.ClassOf(err) == lease.Unauthenticated {
		return []Diagnosis{unauthenticated(redaction.Error(err))}, nil
	}
	var denied []string
	var reply, err error // to the command that the receiver repeats
	if role.AtMostOnce() {
		denied, reply, err = queue.DeniedPops(ctx, role != acl.OriginalReceiver)
	} else if reply = queue.Check(ctx); reply != nil && !lease.IsReply(reply) {
		err = reply
	}
	if lease.ClassOf(err) == lease.Unauthenticated {
		return []Diagnosis{unauthenticated(redaction.Error(err))}, nil
	}
	if err != nil {
		return nil, redaction.Error(err)
	}
	return examination{client, queue, role}.run(ctx, denied, reply)
}

// QueueAtStart is [Queue] for a starting receiver. It neither pops nor claims, because
// the receiver does both.
func QueueAtStart(ctx context.Context, client redis.UniversalClient, queue *lease.Queue, role acl.Role) ([]Diagnosis, error) {
	return examination{client, queue, role}.run(ctx, nil, nil)
}

// run examines the queue. denied are the denied pops, and reply is the error of a pop or
// a claim.
func (e examination) run(ctx context.Context, denied []string, reply error) ([]Diagnosis, error) {
	reply = redaction.Error(reply)
	found, err := e.types(ctx, reply)
	if err == nil && e.role.Companions() {
		var more []string
		more, err = e.queue.Denied(ctx)
		denied = append(denied, more...)
	}
	if err != nil {
		return nil, redaction.Error(err)
	}
	switch class := lease.ClassOf(reply); {
	case len(denied) > 0, class == lease.Denied:
		found = append(found, e.denial(ctx, denied, reply))
	case reply == nil, class == lease.WrongType && len(found) > 0:
	case redis.HasErrorPrefix(reply, "READONLY"):
		found = append(found, Diagnosis{
			Check: CheckReplica, Err: reply, Problem: "this Redis is a replica", Remedy: "connect to the primary, which has the queues",
		})
	case redis.HasErrorPrefix(reply, "MOVED"):
		found = append(found, Diagnosis{
			Check: CheckCluster, Err: reply, Problem: "another node of the cluster has the queue", Remedy: "connect to that node, or in Go use redis.NewClusterClient",
		})
	default:
		found = append(found, restriction(reply))
	}
	if e.role.Companions() && reply == nil && len(found) == 0 {
		return e.clock(ctx)
	}
	return found, nil
}

// types finds keys of the wrong type.
func (e examination) types(ctx context.Context, reply error) ([]Diagnosis, error) {
	types, err := e.queue.Types(ctx)
	if err != nil {
		return nil, err
	}
	if lease.ClassOf(reply) != lease.WrongType {
		reply = nil
	}
	var found []Diagnosis
	for i, kind := range append([]lease.Kind{""}, lease.Kinds()...) {
		if i > 0 && !e.role.Companions() {
			break
		}
		actual, want := types[i], lease.TypeOf(kind)
		if actual == "" || actual == "none" || actual == want {
			continue
		}
		key := e.queue.Name
		if kind != "" {
			key = e.queue.Key(kind)
		}
		found = append(found, Diagnosis{
			Check: CheckType, Err: reply, Problem: fmt.Sprintf("the key %q is a %s, and must be a %s", key, actual, want),
			Remedy: "another program uses this key: RENAME it, or delete it",
		})
	}
	return found, nil
}

// clock finds messages that wait because the clock went back.
func (e examination) clock(ctx context.Context) ([]Diagnosis, error) {
	behind, waiting, err := e.queue.Behind(ctx)
	switch {
	case err != nil && !lease.IsReply(err):
		return nil, redaction.Error(err)
	case err != nil || behind == 0 || waiting == 0:
		return nil, nil //nolint:nilerr // the user may not read the keys
	}
	return []Diagnosis{{
		Check: CheckClock, Warning: true,
		Problem: fmt.Sprintf("the clock of Redis went back by at least %v: %d retries and leases of the queue %q wait until it catches up",
			behind.Round(time.Second), waiting, e.queue.Name),
		Remedy: "correct the clock of the server; queue drain releases retries at once",
	}}, nil
}
