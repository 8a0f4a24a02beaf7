package remoteevent

import "github.com/remote-events/remote-events/go/internal/acl"

// role returns the role of a receiver with this configuration of the queue.
func (c *queueConfig) role() acl.Role {
	switch {
	case !c.atMostOnce:
		return acl.ReceiverAtLeastOnce
	case c.deadLetters:
		return acl.ReceiverAtMostOnceWithDeadLetters
	}
	return acl.ReceiverAtMostOnce
}
