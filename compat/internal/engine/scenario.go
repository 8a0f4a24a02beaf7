package engine

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/proxy"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// scenarios are the tasks of the scenarios: each with each implementation that
// has the roles, or with all at once.
func (r *run) scenarios(server Server) []task {
	var tasks []task
	for i := range r.cases {
		c := &r.cases[i]
		if c.Play == nil {
			continue
		}
		var able []*participant
		for _, p := range r.participants {
			if p.takes(c) && (p.VariantOf == "" || !c.Play.Fleet) && !slices.ContainsFunc(c.Play.Roles, func(role string) bool { return !p.plays(protocol.Role(role)) }) {
				able = append(able, p)
			}
		}
		groups := [][]*participant{able}
		if !c.Play.Fleet {
			groups = nil
			for _, p := range able {
				groups = append(groups, []*participant{p})
			}
		}
		for _, participants := range groups {
			if len(participants) == 0 {
				continue
			}
			play := func(ctx context.Context, l *lane, t turn) (report.Result, error) {
				return r.scenario(ctx, server, l, t, c, participants), context.Cause(ctx)
			}
			sender, receiver := sides(c, participants)
			tasks = append(tasks, task{[]played{{server.ID, c.ID, sender, receiver}}, func(ctx context.Context, l *lane) error {
				result, err := play(ctx, l, r.first())
				if err == nil {
					r.conclude(result, participants, play)
				}
				return err
			}})
		}
	}
	return tasks
}

// sides are the sender and the receiver of a scenario's result.
func sides(c *suite.Case, participants []*participant) (sender, receiver string) {
	if !c.Play.Fleet && slices.Contains(c.Play.Roles, string(protocol.RoleSend)) {
		sender = participants[0].ID
	}
	if slices.Contains(c.Play.Roles, string(protocol.RoleReceive)) {
		var ids []string
		for _, p := range participants {
			ids = append(ids, p.ID)
		}
		receiver = strings.Join(ids, " + ")
	}
	return sender, receiver
}

// scenario plays one scenario with one implementation, or with a fleet.
func (r *run) scenario(ctx context.Context, server Server, l *lane, t turn, c *suite.Case, participants []*participant) report.Result {
	s := &stage{
		run: r, turn: t, server: server, lane: l.fresh(), url: l.url, play: c.Play, trace: &trace{}, participants: participants, maxLine: ordinaryLine,
		processes: map[string]*processState{}, changed: make(chan struct{}, 1), into: map[int]string{}, heard: map[int]int{}, orders: map[string][]int{},
	}
	for _, step := range c.Play.Steps {
		if step.Bytes > ordinaryMessage {
			s.maxLine = adapter.LargeLine
		}
	}
	s.trace.begin()
	result := report.Result{
		Case: c.ID, Server: l.server, Outcome: report.Passed,
		Expected: fmt.Sprintf("all %d steps", len(c.Play.Steps)), Observed: fmt.Sprintf("all %d steps", len(c.Play.Steps)),
	}
	result.Sender, result.Receiver = sides(c, participants)
	// Pumps end when the processes do, and those at the latest with this.
	playing, cancel := context.WithCancel(ctx)
	defer cancel()
	var err error
	for _, p := range participants {
		err = errors.Join(err, p.given(t))
	}
	if err == nil {
		err = caught(func() error { return s.perform(playing) })
		if len(participants) == 1 {
			participants[0].punctual(err)
		}
	}
	s.end()
	if err != nil {
		result.Outcome, result.Observed, result.Problems = outcomeOf(err), observed(err), problemsOf(err)
		// What did not happen in time, with all the time of a second try, is what
		// the implementation does.
		if _, late := errors.AsType[*deadlineError](err); late && t.second && result.Outcome == report.Errored {
			result.Outcome, result.Observed = report.Failed, observed(&conductError{err})
		}
	}
	return r.complete(result, nil, s.trace)
}

// perform sets the stage and goes through the steps.
func (s *stage) perform(ctx context.Context) error {
	if slices.Contains(s.play.Needs, "server") {
		if err := s.ownServer(ctx); err != nil {
			return fmt.Errorf("a server of its own: %w", err)
		}
	}
	for i, step := range s.play.Steps {
		s.trace.add("harness", fmt.Sprintf("step %d", i+1), []byte(step.String()))
		deadline := 2*s.turn.timeout + s.patience()
		stepping, cancel := context.WithTimeoutCause(ctx, deadline, &deadlineError{deadline})
		err := s.step(ctx, stepping, step)
		cancel()
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, step.Do, err)
		}
	}
	return nil
}

// patience is what a scenario with much data gets in addition.
func (s *stage) patience() time.Duration {
	total := 0
	for _, step := range s.play.Steps {
		total += step.Bytes*max(1, step.Count) + 200*step.Count*len(step.Names())
	}
	return time.Duration(total>>20) * time.Second
}

// ownServer starts a server for this scenario alone.
func (s *stage) ownServer(ctx context.Context) (err error) {
	if s.own, err = s.server.Another(ctx); err != nil {
		return err
	}
	if s.proxy, err = proxy.Start(ctx, ""); err != nil {
		return err
	}
	return s.connectOwn()
}

// connectOwn has the scenario use its own server, and its processes reach it through
// the proxy.
func (s *stage) connectOwn() error {
	address, err := url.Parse(s.own.URL())
	if err != nil || address.Scheme != "redis" {
		return errors.New("only a Redis with a TCP port can stop and start again")
	}
	s.proxy.Target(address.Host)
	address.Host = s.proxy.Addr()
	s.url = address.String()
	lane, err := connect(s.own.URL(), "", s.lane.server)
	if err != nil {
		return err
	}
	s.lane, s.connected = lane, true
	return nil
}

// step does one step, which has until the end of stepping. What it starts lives
// as long as ctx.
func (s *stage) step(ctx, stepping context.Context, step suite.Step) error {
	switch step.Do {
	case "receive":
		return s.receive(ctx, step)
	case "send":
		return s.send(ctx, step)
	case "push":
		return s.push(stepping, step)
	case "heard":
		return s.hear(stepping, step)
	case "length":
		return s.length(stepping, step)
	case "accounted":
		return s.account(stepping, step)
	case "stop", "crash":
		return s.stop(stepping, step)
	case "redis":
		return s.command(stepping, step)
	default:
		return s.outage(stepping, step)
	}
}

// receive starts receivers: one, or one of each participant.
func (s *stage) receive(ctx context.Context, step suite.Step) error {
	address, err := s.user(ctx, step.User)
	if err != nil {
		return err
	}
	var queues []string
	for _, name := range step.Names() {
		queues = append(queues, s.lane.prefix+name)
	}
	for _, p := range s.participants {
		theirs, proxy, err := s.observed(ctx, address)
		if err != nil {
			return err
		}
		a, err := s.start(ctx, s.name(step, p), theirs, p)
		if err != nil {
			return err
		}
		s.mu.Lock()
		a.queues, a.proxy = queues, proxy
		s.mu.Unlock()
		s.pump(ctx, a)
		if err := a.Receive(ctx, queues, union(nil, queues...)); err != nil {
			return err
		}
	}
	return nil
}

// observed returns the URL of a process of its own and the proxy that it leads through
// where a step of the scenario kills processes: the proxy sees the server close the
// connections of one that has gone. Unix sockets and TLS have no proxy; there the
// system tells the server before the process has ended.
func (s *stage) observed(ctx context.Context, address string) (string, *proxy.Proxy, error) {
	parsed, err := url.Parse(address)
	crashes := slices.ContainsFunc(s.play.Steps, func(step suite.Step) bool { return step.Do == "crash" })
	if !crashes || err != nil || parsed.Scheme != "redis" {
		return address, nil, nil
	}
	observer, err := proxy.Start(ctx, parsed.Host)
	if err != nil {
		return "", nil, err
	}
	s.observers = append(s.observers, observer)
	parsed.Host = observer.Addr()
	return parsed.String(), observer, nil
}

// name is what a step's process is called.
func (s *stage) name(step suite.Step, p *participant) string {
	if len(s.participants) > 1 {
		return strings.TrimSuffix(step.Who+" "+p.ID, " ")
	}
	if step.Who == "" {
		return p.ID
	}
	return p.ID + " " + step.Who
}

// user makes a user of Redis that may do only so much, and returns its URL.
func (s *stage) user(ctx context.Context, rules []string) (string, error) {
	if rules == nil {
		return s.url, nil
	}
	name := "compat-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	command := []any{"ACL", "SETUSER", name, "on", ">compat", "resetkeys"}
	for _, rule := range rules {
		command = append(command, strings.Replace(rule, "$", s.lane.prefix, 1))
	}
	if err := s.lane.redis.Do(ctx, command...).Err(); err != nil {
		return "", fmt.Errorf("the harness cannot make a user: %w", err)
	}
	return strings.Replace(s.url, "://", "://"+name+":compat@", 1), nil
}
