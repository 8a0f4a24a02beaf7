package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
)

// aclFlags has the flags of acl.
type aclFlags struct {
	user  string
	roles []string
}

func (a *app) aclCommand() *cobra.Command {
	var f aclFlags
	var roles []string
	for _, role := range queueadmin.Roles() {
		roles = append(roles, string(role))
	}
	command := &cobra.Command{
		Use:     "acl QUEUE…",
		GroupID: groupQueues,
		Short:   "Print the permissions that a user of Redis needs",
		Long: `Print, for each role, the ACL rule that permits the role for each QUEUE, and
nothing else. The rule is for the user of this connection, or for --user, which
needs no connection.

sender                   sends events
original-receiver        receives with the Python package
receiver-at-most-once    receives at most once, without dead letters
receiver-at-most-once-with-dead-letters
                         receives at most once, and keeps dead letters
receiver-at-least-once   receives at least once, the default of the Go library
viewer                   counts and reads messages, and changes nothing
operator                 also requeues, drops and imports dead letters, and
                         repairs and drains queues

A rule adds permissions to those that the user has. To create a user who may do
nothing else, run ACL SETUSER NAME reset on '>PASSWORD', and then the rule. On a
cluster, run it on every node.

The rule of a receiver is the smallest one. The commands of package queueadmin's
function Rule that make a receiver faster are not included.`,
		Example: `  remote-event acl new_file_event
  remote-event acl new_file_event --role sender --user uploads`,
		Args:              atLeastOne,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	command.Flags().StringVar(&f.user, "user", "", "print the rules for the user `NAME` (default the user of this connection)")
	command.Flags().StringArrayVar(&f.roles, "role", nil, "print the rule of the `ROLE` only; repeatable (default all)")
	_ = command.RegisterFlagCompletionFunc("role", cobra.FixedCompletions(roles, cobra.ShellCompDirectiveNoFileComp))
	output := a.outputListFlag(command)
	command.RunE = func(cmd *cobra.Command, names []string) error {
		for _, role := range f.roles {
			if !slices.Contains(roles, role) {
				return unknownWord("role", role, roles)
			}
		}
		if len(f.roles) == 0 {
			f.roles = roles
		}
		if cmd.Flags().Changed("user") && (f.user == "" || strings.ContainsAny(f.user, " \t\r\n\x00")) {
			return usageError("--user: Redis has no users with an empty name or with white space in it")
		}
		return a.acl(cmd.Context(), f, names, output)
	}
	return command
}

// permission is the output of acl for a role.
type permission struct {
	Role   string  `json:"role"`
	User   exact   `json:"user"`
	Queues []exact `json:"queues"`
	Rule   exact   `json:"rule"`
}

func (a *app) acl(ctx context.Context, f aclFlags, names []string, output *output) error {
	queues := make([]exact, len(names))
	for i, name := range names {
		queues[i] = exact(name)
	}
	var permissions []permission
	for _, role := range f.roles {
		rule, err := queueadmin.Rule(queueadmin.Role(role), names...)
		if err != nil {
			return usageError(err.Error())
		}
		permissions = append(permissions, permission{Role: role, Queues: queues, Rule: exact(rule)})
	}
	if f.user == "" {
		conn, err := a.connectConfigured(ctx)
		if err != nil {
			return err
		}
		defer conn.close()
		user, known := queueadmin.User(ctx, conn.client)
		if !known {
			return withHint(fmt.Errorf("the name of the user is unknown: Redis at %s does not report it", conn.target), "name the user with --user")
		}
		f.user = user
	}
	c := a.coloursOf(a.stdout)
	for i, p := range permissions {
		p.User = exact(f.user)
		err := output.write(p, func() string {
			text := fmt.Sprintf("ACL SETUSER %s %s\n", visible(f.user), visible(string(p.Rule)))
			if len(permissions) > 1 {
				text = c.bold(p.Role) + "\n" + text
			}
			if i > 0 {
				text = "\n" + text
			}
			return text
		})
		if err != nil {
			return err
		}
	}
	return nil
}
