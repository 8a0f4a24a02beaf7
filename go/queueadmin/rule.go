package queueadmin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/acl"
	"github.com/remote-events/remote-events/go/internal/diagnosis"
	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/nilcheck"
)

// Role is the role of a user of Redis.
type Role string

const (
	// Sender sends events.
	Sender = Role(acl.Sender)
	// OriginalReceiver receives with an original, the Python package
	// remote_event_bundle.
	OriginalReceiver = Role(acl.OriginalReceiver)
	// ReceiverAtMostOnce receives at most once, and keeps no dead letters.
	ReceiverAtMostOnce = Role(acl.ReceiverAtMostOnce)
	// ReceiverAtMostOnceWithDeadLetters receives at most once, and keeps dead letters.
	ReceiverAtMostOnceWithDeadLetters = Role(acl.ReceiverAtMostOnceWithDeadLetters)
	// ReceiverAtLeastOnce receives at least once, which is the default of package
	// remoteevent, with or without deduplication.
	ReceiverAtLeastOnce = Role(acl.ReceiverAtLeastOnce)
	// Viewer finds queues and calls the methods of [Queue] that change nothing:
	// Stats, Peek, DeadLetters, Audit and the like. It observes queues and servers, and
	// examines servers.
	Viewer = Role(acl.Viewer)
	// Operator does all that a viewer does, and requeues, drops and imports dead
	// letters, repairs messages and drains queues.
	Operator = Role(acl.Operator)
)

// Roles returns all roles.
func Roles() []Role {
	return []Role{
		Sender, OriginalReceiver, ReceiverAtMostOnce, ReceiverAtMostOnceWithDeadLetters, ReceiverAtLeastOnce, Viewer, Operator,
	}
}

// Rule returns the rule that permits a user of Redis a role for these queues, as
// arguments of ACL SETUSER with a space between them. It names keys and commands, and
// neither a password nor the state "on".
//
// White space, quotes and unprintable characters are written as '?', which matches any
// byte.
//
// The rule of a receiver is the smallest one. With "+client|id +client|unblock" the
// receiver also stops at once rather than after a tenth of a second; with more than
// four queues, "+exists +client|id +client|tracking" lets it notice events sooner and
// with less work for Redis. With "+client|list", a viewer or an operator sees the receivers
// of queues, and the addresses and names of all clients of the server.
//
// Rule returns an error for an unknown role, for no queue, and for a name that is
// [ErrReserved].
func Rule(role Role, queues ...string) (string, error) {
	switch {
	case !slices.Contains(Roles(), role):
		return "", fmt.Errorf("ACL rule: there is no role %q: the roles are %q", role, Roles())
	case len(queues) == 0:
		return "", fmt.Errorf("ACL rule of a %s: %w", role, errors.New("name at least one queue"))
	}
	for _, queue := range queues {
		if err := lease.Check(queue); err != nil {
			return "", fmt.Errorf("ACL rule of a %s: %w", role, err)
		}
	}
	return acl.Rule(acl.Role(role), queues...), nil
}

// User returns the name of the client's user as a word of a command line, to put before
// the rule: "ACL SETUSER", the user, the rule. A name that is not one word is quoted as
// redis-cli requires. Redis reports the name. If it does not, as before version 6, it is
// the name in the client's options; known is false if credentials providers choose it.
func User(ctx context.Context, client redis.UniversalClient) (name string, known bool) {
	if nilcheck.Both(ctx, client) != nil {
		return "", false
	}
	name, known = diagnosis.User(ctx, client)
	return acl.User(name), known
}
