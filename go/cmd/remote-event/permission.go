package main

import (
	"context"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// roleOf returns the role that a command needs. A command that is not listed only looks.
func roleOf(command *cobra.Command) queueadmin.Role {
	switch pathOf(command) {
	case "send":
		return queueadmin.Sender
	case "listen":
		return queueadmin.ReceiverAtLeastOnce
	case "queue drain", "queue move", "queue purge", "dead requeue", "dead drop", "dead import":
		return queueadmin.Operator
	default:
		return queueadmin.Viewer
	}
}

// permission returns the hint for a denied command: the rule that permits the running
// command for the queues. Without a queue, it describes how to get the rule.
func (a *app) permission(ctx context.Context, client redis.UniversalClient, queues ...string) string {
	rule, err := queueadmin.Rule(a.role, queues...)
	if err != nil {
		return "remote-event acl QUEUE --role " + string(a.role) + " prints the rule that permits it"
	}
	user, known := queueadmin.User(ctx, client)
	if !known {
		user = "USER"
	}
	return "permit it: ACL SETUSER " + user + " " + rule
}
