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
	i := slices.IndexFunc(r.left, func(l report.LeftOut) bool { return l.Why == why })
	if i < 0 {
		i = len(r.left)
		r.left = append(r.left, report.LeftOut{Why: why})
	}
	r.left[i].Cases = union(r.left[i].Cases, id)
}

// leftOut are the cases that were played nowhere, by the reason.
func (r *run) leftOut() []report.LeftOut {
	var left []report.LeftOut
	for _, l := range r.left {
		l.Cases = slices.DeleteFunc(l.Cases, func(id string) bool {
			return slices.ContainsFunc(r.results, func(result report.Result) bool { return result.Case == id })
		})
		if len(l.Cases) > 0 {
			left = append(left, l)
		}
	}
	return left
}
