package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// lacks has the features that a Redis does not have.
type lacks struct{ monitor, clientKill, errorStats, acl, config bool }

// lacking asks a Redis which features it does not have. Only an error reply counts: if
// Redis cannot be asked, the cases run and show the problem.
func lacking(ctx context.Context, client *redis.Client, shared bool) lacks {
	const absent = "9223372036854775807" // the largest client ID
	denied := func(err error) bool {
		var reply redis.Error
		return errors.As(err, &reply)
	}
	statistics, err := client.Info(ctx, "errorstats").Result()
	monitor := false
	if !shared {
		options := *client.Options()
		watching := redis.NewClient(&options) // its connection is of no other use afterwards
		monitor = denied(watching.Do(ctx, "MONITOR").Err())
		_ = watching.Close()
	}
	return lacks{
		monitor:    monitor,
		clientKill: denied(client.ClientKillByFilter(ctx, "ID", absent, "TYPE", "normal", "SKIPME", "yes").Err()),
		errorStats: denied(err) || err == nil && !strings.Contains(statistics, "# Errorstats"),
		acl:        denied(client.Do(ctx, "ACL", "WHOAMI").Err()),
		config:     denied(client.ConfigGet(ctx, "maxmemory").Err()),
	}
}

// obstacle returns the reason why a case cannot run on a server, or "" if it can.
func (s Server) obstacle(c *suite.Case, lacks lacks) string {
	needs := func(what string) bool { return c.Script != nil && slices.Contains(c.Script.Needs, what) }
	does := func(step string) bool {
		return c.Script != nil && slices.ContainsFunc(c.Script.Steps, func(s suite.Step) bool { return s.Do == step })
	}
	switch {
	case c.Script != nil && c.Script.Reliable() && s.Prefix != "":
		return "they use companion keys, whose names do not begin with compat:"
	case needs("server") && s.Another == nil:
		return "they need a Redis of their own"
	case c.Script != nil && c.Script.Server != nil && s.Listening == nil:
		return "they need a Redis with TLS, a unix socket or users; the harness can only start a local one"
	case needs("acl") && s.Prefix != "":
		return "they need users of Redis, and must not add any to a shared Redis"
	case needs("acl") && lacks.acl:
		return "they need users of Redis, and this Redis has none"
	case needs("config") && lacks.config:
		return "they configure Redis, and this Redis has no CONFIG"
	case does("cut") && lacks.clientKill:
		return "they kill connections, and this Redis has no CLIENT KILL TYPE"
	case does("untouched") && lacks.monitor:
		return "they observe commands, and this Redis has no MONITOR"
	case does("error") && lacks.errorStats:
		return "they need INFO errorstats, and this Redis has none"
	case c.Sending != nil && s.Prefix != "":
		return "they send to lists whose names do not begin with compat:"
	}
	return ""
}

// runnable returns the cases that can run on a server. The others are skipped.
func (r *run) runnable(s Server, lacks lacks) []suite.Case {
	return slices.DeleteFunc(slices.Clone(r.Cases), func(c suite.Case) bool {
		why := s.obstacle(&c, lacks)
		if why != "" {
			r.skip(c.ID, why)
		}
		return why != ""
	})
}

// skip records that a case is skipped.
func (r *run) skip(id, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skipped = report.Skip(r.skipped, why, id)
}

// unclaimed is the reason of cases without a participant.
const unclaimed = "no implementation of the run claims a class that they test"

// outcome divides the cases into those with results and those without, by reason: they
// were skipped on every server, or no implementation takes part in them.
func (r *run) outcome() (cases []report.Case, skipped []report.Skipped) {
	ran, missing := map[string]bool{}, map[string]bool{}
	for i := range r.results {
		ran[r.results[i].Case] = true
	}
	for _, s := range r.skipped {
		for _, id := range s.Cases {
			if !ran[id] {
				skipped, missing[id] = report.Skip(skipped, s.Why, id), true
			}
		}
	}
	for _, c := range r.Cases {
		if !ran[c.ID] && !missing[c.ID] {
			skipped, missing[c.ID] = report.Skip(skipped, unclaimed, c.ID), true
		}
		if !missing[c.ID] {
			cases = append(cases, report.Case{ID: c.ID, Family: c.Family, About: c.About, Requirements: c.Requirements})
		}
	}
	return cases, skipped
}
