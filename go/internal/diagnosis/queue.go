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

// examination is of one queue, for one role.
type examination struct {
	client redis.UniversalClient
	queue  *lease.Queue
	role   acl.Role
}

// Queue looks for what would stop a receiver of the queue, for the user of the client:
// a script or command that is denied, a key of another type, a replica. It takes no
// message and changes nothing. An error means that Redis could not be asked.
func Queue(ctx context.Context, client redis.UniversalClient, queue *lease.Queue, role acl.Role) ([]Diagnosis, error) {
	// A client without a password that Redis requires has its connection cut by
	// longer commands.
	if err := client.Ping(ctx).Err(); lease.TroubleOf(err) == lease.Unauthenticated {
		return []Diagnosis{unauthenticated(redaction.Error(err))}, nil
	}
	var denied []string
	var answer, err error // the answer to what a receiver does all the time
	if role.AtMostOnce() {
		denied, answer, err = queue.RefusedPops(ctx, role != acl.OriginalReceiver)
	} else if answer = queue.Check(ctx); answer != nil && !lease.IsAnswer(answer) {
		err = answer
	}
	if lease.TroubleOf(err) == lease.Unauthenticated {
		return []Diagnosis{unauthenticated(redaction.Error(err))}, nil
	}
	if err != nil {
		return nil, redaction.Error(err)
	}
	return examination{client, queue, role}.run(ctx, denied, answer)
}

// QueueAtStart is [Queue] for a receiver that starts: it neither pops nor claims, since
// the receiver itself does.
func QueueAtStart(ctx context.Context, client redis.UniversalClient, queue *lease.Queue, role acl.Role) ([]Diagnosis, error) {
	return examination{client, queue, role}.run(ctx, nil, nil)
}

// run examines the queue, given the pops that are denied and the answer to pops or
// claims.
func (e examination) run(ctx context.Context, denied []string, answer error) ([]Diagnosis, error) {
	answer = redaction.Error(answer)
	found, err := e.types(ctx, answer)
	if err == nil && e.role.Companions() {
		var more []string
		more, err = e.queue.Refused(ctx)
		denied = append(denied, more...)
	}
	if err != nil {
		return nil, redaction.Error(err)
	}
	switch trouble := lease.TroubleOf(answer); {
	case len(denied) > 0, trouble == lease.Denied:
		found = append(found, e.denial(ctx, denied, answer))
	case answer == nil, trouble == lease.WrongType && len(found) > 0:
	case redis.HasErrorPrefix(answer, "READONLY"):
		found = append(found, Diagnosis{
			Check: CheckReplica, Err: answer, Problem: "this Redis is a replica", Remedy: "queues are at the primary: connect to that",
		})
	case redis.HasErrorPrefix(answer, "MOVED"):
		found = append(found, Diagnosis{
			Check: CheckCluster, Err: answer, Problem: "another node of the cluster has the queue", Remedy: "connect to that, or in Go use redis.NewClusterClient",
		})
	default:
		found = append(found, Diagnosis{
			Check: CheckScript, Err: answer, Problem: "Redis does not serve the queue", Remedy: "receivers try again until it does",
		})
	}
	if e.role.Companions() && answer == nil && len(found) == 0 {
		return e.clock(ctx)
	}
	return found, nil
}

// types finds the keys of another type.
func (e examination) types(ctx context.Context, answer error) ([]Diagnosis, error) {
	types, err := e.queue.Types(ctx)
	if err != nil {
		return nil, err
	}
	if lease.TroubleOf(answer) != lease.WrongType {
		answer = nil
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
			Check: CheckType, Err: answer, Problem: fmt.Sprintf("the key %q is a %s, and has to be a %s", key, actual, want),
			Remedy: "somebody uses the name for something else: RENAME that key, or delete it",
		})
	}
	return found, nil
}

// clock finds messages that wait for a clock that went back.
func (e examination) clock(ctx context.Context) ([]Diagnosis, error) {
	behind, waiting, err := e.queue.Behind(ctx)
	switch {
	case err != nil && !lease.IsAnswer(err):
		return nil, redaction.Error(err)
	case err != nil || behind == 0 || waiting == 0:
		return nil, nil //nolint:nilerr // who may not look learns nothing
	}
	return []Diagnosis{{
		Check: CheckClock, Warning: true,
		Problem: fmt.Sprintf("the clock of Redis went back by at least %v: %d retries and leases of the queue %q wait until it has caught up",
			behind.Round(time.Second), waiting, e.queue.Name),
		Remedy: "set the clock of the server right; queue drain gives retries back at once",
	}}, nil
}
