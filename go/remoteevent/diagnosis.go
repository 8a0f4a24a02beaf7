package remoteevent

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// Diagnosis is something that keeps receivers from their work, or endangers the
// messages.
type Diagnosis struct { //nolint:errname // few are used as errors
	// Check says in one word what was looked at: version, replica, cluster,
	// eviction, server, script, type or permission.
	Check string
	// Warning marks what stops nothing for now.
	Warning bool
	// Problem says what is wrong, and Remedy what to do.
	Problem, Remedy string
	// Err is the error that Redis answered, where it is one.
	Err error
}

// Error returns the problem, Redis' own words and the remedy.
func (d *Diagnosis) Error() string {
	text := d.Problem
	if d.Err != nil {
		text += ": " + d.Err.Error()
	}
	return text + "; " + d.Remedy
}

// Unwrap returns Err.
func (d *Diagnosis) Unwrap() error { return d.Err }

// DiagnoseServer looks at what of a Redis endangers every queue: its version, its
// role, its eviction policy, and a cluster that is taken for one server. All nodes
// of a cluster are asked. What the user may not see is a warning of the check
// "server". An error says that Redis could not be asked.
func DiagnoseServer(ctx context.Context, client redis.UniversalClient) ([]Diagnosis, error) {
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		return diagnoseNode(ctx, client, false)
	}
	var mu sync.Mutex
	var all []Diagnosis
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		found, err := diagnoseNode(ctx, node, true)
		mu.Lock()
		defer mu.Unlock()
		for _, d := range found {
			if !slices.ContainsFunc(all, func(other Diagnosis) bool { return other.Problem == d.Problem }) {
				all = append(all, d)
			}
		}
		return err
	})
	return all, err
}

func diagnoseNode(ctx context.Context, node redis.Cmdable, clustered bool) ([]Diagnosis, error) {
	text, err := node.Info(ctx).Result()
	switch {
	case err != nil && !lease.IsAnswer(err):
		return nil, err
	case err != nil:
		return []Diagnosis{{ //nolint:nilerr // it is a finding
			Check: "server", Warning: true, Err: err,
			Problem: "version, role and eviction policy of Redis are not known", Remedy: "permit INFO with +info to have them looked at",
		}}, nil
	}
	info := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		info[name] = value
	}
	var found []Diagnosis
	if version := info["redis_version"]; isBefore6(version) {
		found = append(found, Diagnosis{
			Check: "version", Problem: "Redis is of version " + version, Remedy: "it has to be 6.2 or later, or Valkey; 6.0 does as well",
		})
	}
	if info["role"] == "slave" {
		found = append(found, Diagnosis{
			Check: "replica", Problem: "this Redis is a replica, of " + info["master_host"] + ":" + info["master_port"], Remedy: "queues are at the primary: connect to that",
		})
	}
	if info["cluster_enabled"] == "1" && !clustered {
		found = append(found, Diagnosis{
			Check: "cluster", Warning: true, Problem: "this Redis is a node of a cluster, and is used as a server by itself",
			Remedy: "queues that other nodes have are out of reach: in Go, use redis.NewClusterClient",
		})
	}
	if policy := info["maxmemory_policy"]; policy != "" && policy != "noeviction" {
		problem := "maxmemory-policy is " + policy + ": at maxmemory Redis deletes queues, without an error"
		if strings.HasPrefix(policy, "volatile-") {
			problem = "maxmemory-policy is " + policy + ": it is one step from the policies that delete queues at maxmemory"
		}
		found = append(found, Diagnosis{Check: "eviction", Warning: true, Problem: problem, Remedy: "CONFIG SET maxmemory-policy noeviction, and in redis.conf"})
	}
	return found, nil
}

func isBefore6(version string) bool {
	first, _, _ := strings.Cut(version, ".")
	major, err := strconv.Atoi(first)
	return err == nil && major < 6
}

// Diagnose looks for what would stop a receiver of the queue with these options,
// for the user that the client is: a script or command that is refused, a key of
// another type, a replica. It takes no message, and changes nothing. An error says
// that Redis could not be asked.
func (q *Queue) Diagnose(ctx context.Context, options ...QueueOption) ([]Diagnosis, error) {
	config := defaultQueueConfig()
	for _, option := range options {
		if option == nil {
			return nil, fmt.Errorf("queue %q: an option is nil", q.Name())
		}
		option.applyToQueue(&config)
	}
	var refused []string
	var answer, err error // the answer to what a receiver does all the time
	if config.atMostOnce {
		refused, answer, err = q.queue.RefusedPops(ctx, config.concurrency+config.prefetch > 1)
	} else if answer = q.queue.Check(ctx); answer != nil && !lease.IsAnswer(answer) {
		err = answer
	}
	if err != nil {
		return nil, err
	}
	return q.diagnose(ctx, &config, refused, answer)
}

// diagnose does what Diagnose says, where it is known what pops and claims come
// to.
func (q *Queue) diagnose(ctx context.Context, config *queueConfig, refused []string, answer error) ([]Diagnosis, error) {
	reliable := !config.atMostOnce || config.deadLetters
	found, err := q.diagnoseTypes(ctx, reliable, answer)
	if err != nil {
		return nil, err
	}
	if reliable {
		more, err := q.queue.Refused(ctx)
		if err != nil {
			return nil, err
		}
		refused = append(refused, more...)
	}
	switch trouble := lease.TroubleOf(answer); {
	case len(refused) > 0, trouble == lease.Denied:
		found = append(found, q.refusal(refused, answer, config))
	case answer == nil, trouble == lease.WrongType && len(found) > 0:
	case redis.HasErrorPrefix(answer, "READONLY"):
		found = append(found, Diagnosis{Check: "replica", Err: answer, Problem: "this Redis is a replica", Remedy: "queues are at the primary: connect to that"})
	case redis.HasErrorPrefix(answer, "MOVED"):
		found = append(found, Diagnosis{
			Check: "cluster", Err: answer, Problem: "another node of the cluster has the queue", Remedy: "connect to that, or in Go use redis.NewClusterClient",
		})
	default:
		found = append(found, Diagnosis{
			Check: "script", Err: answer, Problem: "Redis refuses to serve the queue", Remedy: "receivers try again until it does",
		})
	}
	return found, nil
}

// diagnoseTypes finds the keys of another type.
func (q *Queue) diagnoseTypes(ctx context.Context, companions bool, answer error) ([]Diagnosis, error) {
	types, err := q.queue.Types(ctx)
	if err != nil {
		return nil, err
	}
	if lease.TroubleOf(answer) != lease.WrongType {
		answer = nil
	}
	var found []Diagnosis
	for i, kind := range append([]lease.Kind{""}, lease.Kinds()...) {
		if i > 0 && !companions {
			break
		}
		actual, want := types[i], lease.TypeOf(kind)
		if actual == "" || actual == "none" || actual == want {
			continue
		}
		key := q.Name()
		if kind != "" {
			key = q.queue.Key(kind)
		}
		found = append(found, Diagnosis{
			Check: "type", Err: answer, Problem: fmt.Sprintf("the key %q is a %s, and has to be a %s", key, actual, want),
			Remedy: "somebody uses the name for something else: RENAME that key, or delete it",
		})
	}
	return found, nil
}

// refusal says what an ACL refuses, and what permits it.
func (q *Queue) refusal(commands []string, answer error, config *queueConfig) Diagnosis {
	user := q.user()
	d := Diagnosis{
		Check: "permission", Err: answer, Problem: fmt.Sprintf("the user %s may not receive from the queue %q", user, q.Name()),
		Remedy: "this permits it: ACL SETUSER " + user + " " + aclRule(q.Name(), config),
	}
	if lease.TroubleOf(answer) != lease.Denied {
		d.Err = nil
	}
	if len(commands) > 0 {
		d.Problem = fmt.Sprintf("the user %s may not run %s for the queue %q", user, strings.Join(commands, ", "), q.Name())
	}
	if redis.HasErrorPrefix(answer, "NOAUTH") || redis.HasErrorPrefix(answer, "WRONGPASS") {
		d.Remedy = "give the client the user's name and password"
	}
	return d
}

// user returns the name of the user that the client is.
func (q *Queue) user() string {
	name := ""
	switch client := q.client.(type) {
	case *redis.Client:
		name = client.Options().Username
	case *redis.ClusterClient:
		name = client.Options().Username
	}
	if name == "" {
		return "default"
	}
	return aclWord(name)
}

// Check returns the first thing that [Queue.Diagnose] finds and that stops a
// receiver, as a *[Diagnosis], or the error for which Redis could not be asked.
func (q *Queue) Check(ctx context.Context, options ...QueueOption) error {
	found, err := q.Diagnose(ctx, options...)
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
