package engine

import (
	"slices"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// obstacle is why a case cannot be played on a server, "" where it can.
func (s Server) obstacle(c *suite.Case) string {
	needs := func(what string) bool { return c.Play != nil && slices.Contains(c.Play.Needs, what) }
	switch {
	case needs("server") && s.Another == nil:
		return "they need a Redis of their own"
	case needs("acl") && s.Prefix != "":
		return "they need users of Redis, and are not to make any where others use it"
	case c.Sending != nil && s.Prefix != "":
		return "what they send goes into lists of other names than compat:"
	}
	return ""
}

// playable are the cases that can be played on a server. The others are left out.
func (r *run) playable(s Server) []suite.Case {
	return slices.DeleteFunc(slices.Clone(r.Cases), func(c suite.Case) bool {
		why := s.obstacle(&c)
		if why != "" {
			r.leaveOut(c.ID, why)
		}
		return why != ""
	})
}

// leaveOut notes that a case is not played.
func (r *run) leaveOut(id, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = report.LeaveOut(r.left, why, id)
}

// outcome divides the cases into those that the report is of and those that were
// left out and played on no server, by the reason.
func (r *run) outcome() (cases []report.Case, left []report.LeftOut) {
	played, missing := map[string]bool{}, map[string]bool{}
	for i := range r.results {
		played[r.results[i].Case] = true
	}
	for _, l := range r.left {
		for _, id := range l.Cases {
			if !played[id] {
				left, missing[id] = report.LeaveOut(left, l.Why, id), true
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
