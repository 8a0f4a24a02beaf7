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

// lacks are what a Redis has no way to do.
type lacks struct{ clientKill, errorStats, acl bool }

// lacking asks a Redis what it has no way to do. Only its own word counts: one
// that cannot be asked lacks nothing, and what becomes of the cases is seen.
func lacking(ctx context.Context, client *redis.Client) lacks {
	const nobody = "9223372036854775807" // the last client there could be
	denied := func(err error) bool {
		var reply redis.Error
		return errors.As(err, &reply)
	}
	statistics, err := client.Info(ctx, "errorstats").Result()
	return lacks{
		clientKill: denied(client.ClientKillByFilter(ctx, "ID", nobody, "TYPE", "normal", "SKIPME", "yes").Err()),
		errorStats: denied(err) || err == nil && !strings.Contains(statistics, "# Errorstats"),
		acl:        denied(client.Do(ctx, "ACL", "WHOAMI").Err()),
	}
}

// obstacle is why a case cannot be played on a server, "" where it can.
func (s Server) obstacle(c *suite.Case, lacks lacks) string {
	needs := func(what string) bool { return c.Play != nil && slices.Contains(c.Play.Needs, what) }
	does := func(step string) bool {
		return c.Play != nil && slices.ContainsFunc(c.Play.Steps, func(s suite.Step) bool { return s.Do == step })
	}
	switch {
	case needs("server") && s.Another == nil:
		return "they need a Redis of their own"
	case needs("acl") && s.Prefix != "":
		return "they need users of Redis, and are not to make any where others use it"
	case needs("acl") && lacks.acl:
		return "they need users of Redis, and this Redis has none"
	case does("cut") && lacks.clientKill:
		return "they kill connections, and this Redis has no CLIENT KILL TYPE"
	case does("told") && lacks.errorStats:
		return "they need INFO errorstats, and this Redis has none"
	case c.Sending != nil && s.Prefix != "":
		return "what they send goes into lists of other names than compat:"
	}
	return ""
}

// playable are the cases that can be played on a server. The others are left out.
func (r *run) playable(s Server, lacks lacks) []suite.Case {
	return slices.DeleteFunc(slices.Clone(r.Cases), func(c suite.Case) bool {
		why := s.obstacle(&c, lacks)
		if why != "" {
			r.skip(c.ID, why)
		}
		return why != ""
	})
}

// skip notes that a case is not played.
func (r *run) skip(id, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = report.Skip(r.left, why, id)
}

// outcome divides the cases into those that the report is of and those that were
// left out and played on no server, by the reason.
func (r *run) outcome() (cases []report.Case, left []report.Skipped) {
	played, missing := map[string]bool{}, map[string]bool{}
	for i := range r.results {
		played[r.results[i].Case] = true
	}
	for _, l := range r.left {
		for _, id := range l.Cases {
			if !played[id] {
				left, missing[id] = report.Skip(left, l.Why, id), true
			}
		}
	}
	for _, c := range r.Cases {
		if !missing[c.ID] {
			cases = append(cases, report.Case{ID: c.ID, Family: c.Family, About: c.About, Requirements: c.Requirements})
		}
	}
	return cases, left
}
