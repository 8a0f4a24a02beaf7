package remoteevent

import "github.com/remote-events/remote-events/go/internal/acl"

// role is what a receiver with this config does with the queue.
func (c *queueConfig) role() acl.Role {
	switch {
	case !c.atMostOnce:
		return acl.ReceiverAtLeastOnce
	case c.deadLetters:
		return acl.ReceiverAtMostOnceWithDeadLetters
	}
	return acl.ReceiverAtMostOnce
}
