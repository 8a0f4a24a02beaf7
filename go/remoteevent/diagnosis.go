package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// Diagnosis is something that keeps receivers from their work, or endangers the
// messages.
type Diagnosis struct { //nolint:errname // few are used as errors
	// Check names in one word what was examined: version, sentinel, replica,
	// cluster, eviction, server, script, type, permission or authentication.
	Check string
	// Warning marks what stops nothing for now.
	Warning bool
	// Problem says what is wrong, and Remedy what to do.
	Problem, Remedy string
	// Err is the error that Redis answered, if any, cut to what cannot hold a
	// payload.
	Err error
}

// Error returns the problem, Redis' own words and the remedy.
func (d *Diagnosis) Error() string {
	if d == nil {
		return "no diagnosis"
	}
	text := d.Problem
	if d.Err != nil {
		text += ": " + d.Err.Error()
	}
	return text + "; " + d.Remedy
}

// Unwrap returns Err.
func (d *Diagnosis) Unwrap() error {
	if d == nil {
		return nil
	}
	return d.Err
}

// DiagnoseServer looks at what of a Redis endangers every queue: its version, its
// role, its eviction policy, and a cluster that is taken for one server. All nodes
// of a cluster are asked. What the user may not see is a warning of the check
// "server". An error says that Redis could not be asked.
func DiagnoseServer(ctx context.Context, client redis.UniversalClient) ([]Diagnosis, error) {
	if err := errors.Join(requireClient(client), requireContext(ctx)); err != nil {
		return nil, fmt.Errorf("DiagnoseServer: %w", err)
	}
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
	if lease.TroubleOf(err) == lease.Unauthenticated { // no node was asked
		return []Diagnosis{unauthenticated(redaction.Error(err))}, nil
	}
	return all, redaction.Error(err)
}

func diagnoseNode(ctx context.Context, node redis.Cmdable, clustered bool) ([]Diagnosis, error) {
	text, err := node.Info(ctx).Result()
	err = redaction.Error(err)
	switch {
	case lease.TroubleOf(err) == lease.Unauthenticated:
		return []Diagnosis{unauthenticated(err)}, nil
	case err != nil && !lease.IsAnswer(err):
		return nil, err
	case err != nil:
		d := Diagnosis{
			Check: "server", Warning: true, Err: err,
			Problem: "version, role and eviction policy of Redis are not known", Remedy: "they are examined where the server answers INFO",
		}
		if lease.TroubleOf(err) == lease.Denied {
			d.Remedy = "permit INFO with +info to have them examined"
		}
		return []Diagnosis{d}, nil
	}
	info := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		info[name] = value
	}
	if info["redis_mode"] == "sentinel" {
		return []Diagnosis{{
			Check: "sentinel", Problem: "this is a Sentinel, and no Redis: it has no queues",
			Remedy: "connect to the primary, whose address SENTINEL GET-MASTER-ADDR-BY-NAME returns, or in Go use redis.NewFailoverClient",
		}}, nil
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
	if err := q.usable(ctx); err != nil {
		return nil, err
	}
	config := defaultQueueConfig()
	for _, option := range options {
		if option == nil {
			return nil, fmt.Errorf("queue %q: an option is nil", q.Name())
		}
		option.applyToQueue(&config)
	}
	// A client without a password that Redis requires has its connection cut by
	// longer commands.
	if err := q.client.Ping(ctx).Err(); lease.TroubleOf(err) == lease.Unauthenticated {
		return []Diagnosis{unauthenticated(redaction.Error(err))}, nil
	}
	var refused []string
	var answer, err error // the answer to what a receiver does all the time
	if config.atMostOnce {
		refused, answer, err = q.queue.RefusedPops(ctx, config.adaptive || config.concurrency+config.prefetch > 1)
	} else if answer = q.queue.Check(ctx); answer != nil && !lease.IsAnswer(answer) {
		err = answer
	}
	if lease.TroubleOf(err) == lease.Unauthenticated {
		return []Diagnosis{unauthenticated(redaction.Error(err))}, nil
	}
	if err != nil {
		return nil, redaction.Error(err)
	}
	return q.diagnose(ctx, &config, refused, answer)
}

const checkAuthentication = "authentication"

// unauthenticated is the diagnosis of a client whose name and password Redis
// rejects, or that gave none. No rule mends it.
func unauthenticated(err error) Diagnosis {
	d := Diagnosis{
		Check: checkAuthentication, Err: err, Problem: "Redis rejects the user name or password of the client",
		Remedy: "give the client the name and password of a user that is on",
	}
	if !strings.Contains(err.Error(), "WRONGPASS ") {
		d.Problem, d.Remedy = "Redis requires a password, and the client gives none", "give the client the name and password of a user"
	}
	return d
}

// diagnose does what Diagnose does, given what pops and claims are answered.
func (q *Queue) diagnose(ctx context.Context, config *queueConfig, refused []string, answer error) ([]Diagnosis, error) {
	answer = redaction.Error(answer)
	reliable := !config.atMostOnce || config.deadLetters
	found, err := q.diagnoseTypes(ctx, reliable, answer)
	if err == nil && reliable {
		var more []string
		more, err = q.queue.Refused(ctx)
		refused = append(refused, more...)
	}
	if err != nil {
		return nil, redaction.Error(err)
	}
	switch trouble := lease.TroubleOf(answer); {
	case len(refused) > 0, trouble == lease.Denied:
		found = append(found, q.refusal(ctx, refused, answer, config))
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
	if reliable && answer == nil && len(found) == 0 {
		return q.diagnoseClock(ctx)
	}
	return found, nil
}

// diagnoseClock finds messages that wait for a clock that went back.
func (q *Queue) diagnoseClock(ctx context.Context) ([]Diagnosis, error) {
	behind, waiting, err := q.queue.Behind(ctx)
	switch {
	case err != nil && !lease.IsAnswer(err):
		return nil, redaction.Error(err)
	case err != nil || behind == 0 || waiting == 0:
		return nil, nil //nolint:nilerr // who may not look learns nothing
	}
	return []Diagnosis{{
		Check: "clock", Warning: true,
		Problem: fmt.Sprintf("the clock of Redis went back by at least %v: %d retries and leases of the queue %q wait until it has caught up", behind.Round(time.Second), waiting, q.Name()),
		Remedy:  "set the clock of the server right; queue drain gives retries back at once",
	}}, nil
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

// refusal is the diagnosis of a user whom an ACL denies what a receiver does.
func (q *Queue) refusal(ctx context.Context, commands []string, answer error, config *queueConfig) Diagnosis {
	who, name := "the user of this connection", "USER"
	hint := ", with the name of that user for USER"
	if user, known := q.user(ctx); known {
		name, hint = aclWord(user), ""
		who = "the user " + name
	}
	d := Diagnosis{
		Check: "permission", Err: answer, Problem: fmt.Sprintf("%s may not receive from the queue %q", who, q.Name()),
		Remedy: "this permits it" + hint + ": ACL SETUSER " + name + " " + aclRule(q.Name(), config),
	}
	if !isACLText(q.Name()) {
		d.Remedy += " (each ? stands for one byte that a rule cannot hold, and matches any)"
	}
	if lease.TroubleOf(answer) != lease.Denied {
		d.Err = nil
	}
	if len(commands) > 0 {
		d.Problem = fmt.Sprintf("%s may not run %s for the queue %q", who, strings.Join(commands, ", "), q.Name())
	}
	return d
}

// deniedUser is how Redis 7.2 and later name the user whom they deny a command.
var deniedUser = regexp.MustCompile(`^NOPERM User (\S+) has no permissions`)

// user returns the name of the user that Redis takes the client for, if it is
// known.
func (q *Queue) user(ctx context.Context) (name string, known bool) {
	name, err := q.client.Do(ctx, "acl", "whoami").Text()
	if err == nil {
		return name, true
	}
	if match := deniedUser.FindStringSubmatch(err.Error()); match != nil {
		return match[1], true
	}
	switch client := q.client.(type) {
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
