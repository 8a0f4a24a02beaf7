package acl

import (
	"slices"
	"strings"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// Role is the role of a user of a queue.
type Role string

// The roles.
const (
	Sender                            Role = "sender"
	OriginalReceiver                  Role = "original-receiver"
	ReceiverAtMostOnce                Role = "receiver-at-most-once"
	ReceiverAtMostOnceWithDeadLetters Role = "receiver-at-most-once-with-dead-letters"
	ReceiverAtLeastOnce               Role = "receiver-at-least-once"
	Viewer                            Role = "viewer"
	Operator                          Role = "operator"
)

const (
	// pops are the commands of a receiver that removes messages from Redis as it takes
	// them, and returns messages that it does not handle to the queue.
	pops = "brpop rpop rpush"
	// reads are the commands that count, list and compare messages.
	reads = "eval evalsha hexists hget hlen hmget hscan hstrlen info llen lpos lrange memory|usage scan time type" +
		" zcard zrange zrangebyscore zrevrangebyscore zscan zscore"
	// repairs are the commands that change dead letters, repair messages, and drain,
	// purge and move the messages of the queue.
	repairs = "hdel hset hsetnx lindex lpop lpush ltrim rpoplpush rpush zadd zcount zrem zrevrange"
)

// commands has the commands of each role.
var commands = map[Role]string{
	Sender:                            "lpush",
	OriginalReceiver:                  "brpop",
	ReceiverAtMostOnce:                pops,
	ReceiverAtMostOnceWithDeadLetters: pops + " " + lease.Commands,
	ReceiverAtLeastOnce:               lease.Commands,
	Viewer:                            reads,
	Operator:                          reads + " " + repairs,
}

// Known reports whether the role is one of the constants.
func (r Role) Known() bool { return commands[r] != "" }

// Receives reports whether the role takes messages.
func (r Role) Receives() bool {
	switch r {
	case OriginalReceiver, ReceiverAtMostOnce, ReceiverAtMostOnceWithDeadLetters, ReceiverAtLeastOnce:
		return true
	default:
		return false
	}
}

// AtMostOnce reports whether the role removes messages from Redis before they are
// handled.
func (r Role) AtMostOnce() bool { return r.Receives() && r != ReceiverAtLeastOnce }

// Companions reports whether the role needs the companion keys.
func (r Role) Companions() bool {
	return r.Known() && r != Sender && r != OriginalReceiver && r != ReceiverAtMostOnce
}

// words are the commands of the role, sorted.
func (r Role) words() []string {
	return slices.Compact(slices.Sorted(slices.Values(strings.Fields(commands[r]))))
}
