package queueadmin

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/acl"
	"github.com/remote-events/remote-events/go/internal/diagnosis"
	"github.com/remote-events/remote-events/go/internal/nilcheck"
)

// Check is a check of [DiagnoseServer] or [Queue.Diagnose], in one word.
type Check string

const (
	// CheckVersion finds a Redis that is too old.
	CheckVersion = Check(diagnosis.CheckVersion)
	// CheckSentinel finds a Sentinel, which has no queues.
	CheckSentinel = Check(diagnosis.CheckSentinel)
	// CheckReplica finds a replica, which takes no writes.
	CheckReplica = Check(diagnosis.CheckReplica)
	// CheckCluster finds a node of a cluster that is used as one server, or that does
	// not have the queue.
	CheckCluster = Check(diagnosis.CheckCluster)
	// CheckEviction finds a maxmemory-policy that lets Redis delete queues.
	CheckEviction = Check(diagnosis.CheckEviction)
	// CheckServer finds that the user may not examine the server.
	CheckServer = Check(diagnosis.CheckServer)
	// CheckScript finds that Redis does not serve the queue, for a reason of no other
	// check.
	CheckScript = Check(diagnosis.CheckScript)
	// CheckType finds a key of the queue that holds something else.
	CheckType = Check(diagnosis.CheckType)
	// CheckPermission finds a command that an access control list denies.
	CheckPermission = Check(diagnosis.CheckPermission)
	// CheckAuthentication finds a user name or password that Redis rejects.
	CheckAuthentication = Check(diagnosis.CheckAuthentication)
	// CheckClock finds retries and leases that wait because the clock of Redis went
	// back.
	CheckClock = Check(diagnosis.CheckClock)
)

// Diagnosis is a fault that keeps receivers from their work or endangers messages.
type Diagnosis struct { //nolint:errname // few are used as errors
	// Check is the check that found the fault.
	Check Check
	// Warning marks a fault that stops nothing now.
	Warning bool
	// Problem describes the fault, and Remedy the action to take.
	Problem, Remedy string
	// Err is the error that Redis returned, or nil.
	Err error
}

// Error returns the problem, the error of Redis and the remedy.
func (d *Diagnosis) Error() string {
	if d == nil {
		return "no diagnosis"
	}
	return diagnosis.Text(d.Problem, d.Err, d.Remedy)
}

// Unwrap returns Err.
func (d *Diagnosis) Unwrap() error {
	if d == nil {
		return nil
	}
	return d.Err
}

// DiagnoseServer looks for problems that endanger every queue of a Redis: its version, its role,
// its eviction policy, and a cluster that is used as one server. It asks all primaries
// of a cluster. Where the user may not examine the server, there is a warning of
// [CheckServer]. An error means that Redis could not be asked.
func DiagnoseServer(ctx context.Context, client redis.UniversalClient) ([]Diagnosis, error) {
	const operation = "diagnose the server"
	if err := nilcheck.Both(ctx, client); err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	found, err := diagnosis.Server(ctx, client)
	if err != nil {
		err = fmt.Errorf("%s: %w", operation, err)
	}
	return diagnoses(found), err
}

// Diagnose looks for problems that would stop a receiver with that role from consuming the
// queue, for the user of the client: a denied script or command, a key of another type,
// a replica. It takes no message and changes nothing. An error means that the role is
// not a receiver's, or that Redis could not be asked.
func (q *Queue) Diagnose(ctx context.Context, role Role) ([]Diagnosis, error) {
	const operation = "diagnose"
	if err := q.usable(ctx, operation); err != nil {
		return nil, err
	}
	if !acl.Role(role).Receives() {
		return nil, q.wrapped(operation, fmt.Errorf("%q is no role of a receiver", role))
	}
	found, err := diagnosis.Queue(ctx, q.client, q.queue, acl.Role(role))
	return diagnoses(found), q.failed(operation, err)
}

// Check returns the first fault that [Queue.Diagnose] finds and that stops a receiver,
// as a *[Diagnosis], or the error of Diagnose. It returns nil if there is no such problem.
func (q *Queue) Check(ctx context.Context, role Role) error {
	found, err := q.Diagnose(ctx, role)
	if err != nil {
		return err
	}
	for _, d := range found {
		if !d.Warning {
			return &d
		}
	}
	return nil
}

func diagnoses(found []diagnosis.Diagnosis) []Diagnosis {
	var all []Diagnosis
	for _, d := range found {
		all = append(all, Diagnosis{Check(d.Check), d.Warning, d.Problem, d.Remedy, d.Err})
	}
	return all
}
