package diagnosis

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/acl"
	"github.com/remote-events/remote-events/go/internal/lease"
)

// unauthenticated diagnoses a client with a wrong or missing user name or password. No
// ACL rule helps.
func unauthenticated(err error) Diagnosis {
	d := Diagnosis{
		Check: CheckAuthentication, Err: err, Problem: "Redis rejects the user name or password of the client",
		Remedy: "use the name and password of an enabled user",
	}
	if !strings.Contains(err.Error(), "WRONGPASS ") {
		d.Problem, d.Remedy = "Redis requires a password, and the client has none", "use the name and password of a user"
	}
	return d
}

// denial diagnoses a user whom an ACL denies commands or keys of the role.
func (e examination) denial(ctx context.Context, commands []string, reply error) Diagnosis {
	who, name := "the user of this connection", "USER"
	hint := ", with the user's name for USER"
	if user, known := User(ctx, e.client); known {
		name, hint = acl.User(user), ""
		who = "the user " + name
	}
	d := Diagnosis{
		Check: CheckPermission, Err: reply, Problem: fmt.Sprintf("%s may not receive from the queue %q", who, e.queue.Name),
		Remedy: "permit it" + hint + ": ACL SETUSER " + name + " " + acl.Rule(e.role, e.queue.Name),
	}
	if !acl.IsExact(e.queue.Name) {
		d.Remedy += " (each ? replaces a byte that a rule cannot contain, and matches any byte)"
	}
	if lease.ClassOf(reply) != lease.Denied {
		d.Err = nil
	}
	if len(commands) > 0 {
		d.Problem = fmt.Sprintf("%s may not run %s for the queue %q", who, strings.Join(commands, ", "), e.queue.Name)
	}
	return d
}

// deniedUser matches the denied user's name in an error of Redis 7.2 and later.
var deniedUser = regexp.MustCompile(`^NOPERM User (\S+) has no permissions`)

// User returns the name of a client's Redis user, if it is known.
func User(ctx context.Context, client redis.UniversalClient) (name string, known bool) {
	name, err := client.Do(ctx, "acl", "whoami").Text()
	if err == nil {
		return name, true
	}
	if match := deniedUser.FindStringSubmatch(err.Error()); match != nil {
		return match[1], true
	}
	switch client := client.(type) {
	case *redis.Client:
		o := client.Options()
		name, known = o.Username, o.CredentialsProvider == nil && o.CredentialsProviderContext == nil && o.StreamingCredentialsProvider == nil
	case *redis.ClusterClient:
		o := client.Options()
		name, known = o.Username, o.CredentialsProvider == nil && o.CredentialsProviderContext == nil && o.StreamingCredentialsProvider == nil
	}
	if known && name == "" {
		name = "default"
	}
	return name, known
}
