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

	"golang.org/x/sync/errgroup"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/proxy"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
)

// scenarios returns the tasks of the scenarios: one for each implementation whose
// classes get the requests of the steps, or one for all of them.
func (r *run) scenarios(server Server) []task {
	var tasks []task
	for i := range r.cases {
		c := &r.cases[i]
		if c.Script == nil {
			continue
		}
		for _, reliably := range ways(server, c) {
			for _, participants := range r.groups(c, reliably) {
				run := func(ctx context.Context, l *lane, t turn) (report.Result, error) {
					return r.scenario(ctx, server, l, t, c, participants, reliably), context.Cause(ctx)
				}
				sender, receiver := sides(c, participants)
				tasks = append(tasks, task{[]resultKey{{server.ID, c.ID, sender, receiver, reliably, ""}}, maxLine(c.Script) != ordinaryLine, func(ctx context.Context, l *lane) error {
					result, err := run(ctx, l, r.first())
					if err == nil {
						r.conclude(result, participants, run)
					}
					return err
				}})
			}
		}
	}
	return tasks
}

// ways returns the modes in which the receivers of a scenario deliver: at most once (false),
// at least once (true), or both if the outcome must be the same.
func ways(server Server, c *suite.Case) []bool {
	receives := slices.Contains(c.Script.Requests(), "receive")
	limited := slices.ContainsFunc(c.Script.Steps, func(s suite.Step) bool { return s.User != nil }) // to the commands of a plain receiver
	switch {
	case c.Script.Reliable():
		return []bool{true}
	case !receives || limited || c.Script.Fleet || c.Slow || server.Prefix != "":
		return []bool{false}
	}
	return []bool{false, true}
}

// groups returns the participants of each run of a scenario: one whose classes get the
// requests of the steps, or all of these.
func (r *run) groups(c *suite.Case, reliably bool) [][]*participant {
	var able []*participant
	var alone [][]*participant
	for _, p := range r.participants {
		lacks := func(op string) bool {
			if op == "receive" && reliably {
				op = protocol.ReceiveReliably
			}
			return !p.gets(op)
		}
		if p.takes(c) && (p.VariantOf == "" || !c.Script.Fleet) && !slices.ContainsFunc(c.Script.Requests(), lacks) {
			able = append(able, p)
			alone = append(alone, []*participant{p})
		}
	}
	if c.Script.Fleet && len(able) > 0 {
		return [][]*participant{able}
	}
	return alone
}

// sides returns the sender and the receiver of the result of a scenario.
func sides(c *suite.Case, participants []*participant) (sender, receiver string) {
	if !c.Script.Fleet && slices.Contains(c.Script.Requests(), "send") {
		sender = participants[0].ID
	}
	if slices.Contains(c.Script.Requests(), "receive") {
		var ids []string
		for _, p := range participants {
			ids = append(ids, p.ID)
		}
		receiver = strings.Join(ids, " + ")
	}
	return sender, receiver
}

// maxLine returns the maximum length of a line of the processes of a scenario.
func maxLine(script *suite.Script) int {
	for _, step := range script.Steps {
		if step.Bytes > ordinaryMessage {
			return adapter.LargeLine
		}
	}
	return ordinaryLine
}

// scenario runs one scenario with one implementation, or with a fleet.
func (r *run) scenario(ctx context.Context, server Server, l *lane, t turn, c *suite.Case, participants []*participant, reliably bool) report.Result {
	s := &scenario{
		run: r, turn: t, server: server, lane: l.fresh(), url: l.url, script: c.Script, trace: &trace{}, participants: participants, reliably: reliably, maxLine: maxLine(c.Script),
		processes: map[string]*processState{}, changed: make(chan struct{}), queueOf: map[int]string{}, pushed: map[string]bool{}, suspect: map[int]bool{}, delivered: map[int]int{}, orders: map[string][]int{}, copies: map[int]int{}, failures: map[string]string{},
	}
	s.trace.begin()
	result := report.Result{
		Case: c.ID, Server: l.server, Outcome: report.Passed,
		Expected: fmt.Sprintf("all %d steps", len(c.Script.Steps)), Observed: fmt.Sprintf("all %d steps", len(c.Script.Steps)),
	}
	result.Sender, result.Receiver = sides(c, participants)
	result.Reliable = reliably
	// It ends the processes, and with them the pumps.
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	var err error
	for _, p := range participants {
		err = errors.Join(err, p.ready(t))
	}
	if err == nil {
		err = t.judged(caught(func() error { return s.perform(running) }))
		if len(participants) == 1 {
			participants[0].punctual(err)
		}
	}
	s.end()
	if err == nil {
		err = s.secretive()
	}
	if err != nil {
		result.Outcome, result.Observed, result.Problems = outcomeOf(err), observed(err), problemsOf(err)
		// On a busy machine, a lease may expire, and a receiver that stops may leave messages
		// leased: the second try has longer leases, and runs alone.
		if reliably && result.Outcome == report.Failed && !t.second && !r.Once {
			result.Outcome = report.Inconclusive
		}
	}
	return r.complete(result, nil, s.trace)
}

// perform starts a server if the scenario needs one, and runs the steps.
func (s *scenario) perform(ctx context.Context) error {
	if err := s.ownServer(ctx); err != nil {
		return fmt.Errorf("start a server for the scenario: %w", err)
	}
	for i, step := range s.script.Steps {
		s.trace.add("harness", fmt.Sprintf("step %d", i+1), []byte(step.String()))
		stepping, cancel := calibration.WithTimeout(ctx, 2*s.turn.timeout+s.patience())
		err := s.step(ctx, stepping, step)
		cancel()
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, step.Do, err)
		}
	}
	if s.script.Reliable() {
		return s.consistent(ctx)
	}
	return nil
}

// patience returns the additional time of a scenario with much data.
func (s *scenario) patience() time.Duration {
	total := 0
	for _, step := range s.script.Steps {
		total += step.Bytes*max(1, step.Count) + 200*step.Count*len(step.Names())
	}
	return time.Duration(total>>20) * time.Second
}

// ownServer starts a server for this scenario, if it needs one.
func (s *scenario) ownServer(ctx context.Context) (err error) {
	switch {
	case s.script.Server != nil:
		return s.listeningServer(ctx, *s.script.Server)
	case !slices.Contains(s.script.Needs, "server"):
		return nil
	}
	if s.own, err = s.server.Another(ctx); err != nil {
		return err
	}
	if s.proxy, err = proxy.Start(ctx, ""); err != nil {
		return err
	}
	return s.connectOwn(ctx)
}

// listeningServer starts a server that listens in a certain way. Its processes connect
// without a proxy.
func (s *scenario) listeningServer(ctx context.Context, how suite.Listening) (err error) {
	if s.own, err = s.server.Listening(ctx, redisserver.Options{Unix: how.Unix, TLS: how.TLS, User: how.User, Password: how.Password}); err != nil {
		return err
	}
	if s.url, err = database(s.own.URL(), how.Database); err != nil {
		return err
	}
	options, err := s.own.Options()
	if err != nil {
		return err
	}
	options.DB = how.Database
	s.lane, s.connected = newLane(options, s.url, "", s.lane.server), true
	return nil
}

// connectOwn connects the scenario with its own server. Its processes connect through the
// proxy.
func (s *scenario) connectOwn(ctx context.Context) error {
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
	return s.observe(ctx)
}

// step runs one step, at most until the end of stepping. The processes that it starts run
// until the end of ctx.
func (s *scenario) step(ctx, stepping context.Context, step suite.Step) error {
	switch step.Do {
	case "receive":
		return s.receive(ctx, step)
	case "send":
		return s.send(ctx, step)
	case "push":
		return s.push(stepping, step)
	case "delivered":
		return s.awaitDelivered(stepping, step)
	case "length":
		return s.length(stepping, step)
	case "accounted":
		return s.account(stepping, step)
	case "stop", "crash":
		return s.stop(stepping, step)
	case "redis":
		return s.command(stepping, step)
	case "served":
		return s.served(stepping, step)
	case "elsewhere":
		return s.elsewhere(stepping, step)
	case "untouched":
		return s.untouched(stepping, step)
	case "attributes":
		return s.attributes(stepping, step)
	case "pauses":
		return s.pauses(stepping, step)
	case "cut", "down", "refused", "up", "stall", "error":
		return s.outage(stepping, step)
	default:
		return s.reliability(stepping, step)
	}
}

// receive starts a receiver of each participant.
func (s *scenario) receive(ctx context.Context, step suite.Step) error {
	address, err := s.user(ctx, step.User)
	if err != nil {
		return err
	}
	var queues []string
	for _, name := range step.Names() {
		queues = append(queues, s.lane.prefix+name)
	}
	return s.each(func(p *participant) error {
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
		return a.Receive(ctx, protocol.Reception{Queues: queues, Signals: union(nil, queues...), Hold: step.Hold, Reliable: s.settings(step)})
	})
}

// each calls do for all participants at the same time.
func (s *scenario) each(do func(p *participant) error) error {
	var group errgroup.Group
	for _, p := range s.participants {
		group.Go(func() error { return caught(func() error { return do(p) }) })
	}
	return group.Wait()
}

// observed returns the URL of Redis for a process. If a step of the scenario kills
// processes, the URL leads through a proxy, which observes that the server closes the
// connections of a killed process. Unix sockets and TLS have no proxy: there the system
// closes the connections before the process has ended.
func (s *scenario) observed(ctx context.Context, address string) (string, *proxy.Proxy, error) {
	if !slices.ContainsFunc(s.script.Steps, func(step suite.Step) bool { return step.Do == "crash" }) {
		return address, nil, nil
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return "", nil, errors.New("the server has no usable URL") // no detail: it may hold the password
	}
	if parsed.Scheme != "redis" {
		return address, nil, nil
	}
	observer, err := proxy.Start(ctx, parsed.Host)
	if err != nil {
		return "", nil, err
	}
	s.mu.Lock()
	s.observers = append(s.observers, observer)
	s.mu.Unlock()
	parsed.Host = observer.Addr()
	return parsed.String(), observer, nil
}

// name returns the name of a step's process.
func (s *scenario) name(step suite.Step, p *participant) string {
	if len(s.participants) > 1 {
		return strings.TrimSuffix(step.Who+" "+p.ID, " ")
	}
	if step.Who == "" {
		return p.ID
	}
	return p.ID + " " + step.Who
}

// user adds a user to Redis with these permissions, and returns its URL.
func (s *scenario) user(ctx context.Context, rules []string) (string, error) {
	if rules == nil {
		return s.url, nil
	}
	name := "compat-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	command := []any{"ACL", "SETUSER", name, "on", ">" + password, "resetkeys"}
	for _, rule := range rules {
		command = append(command, strings.ReplaceAll(rule, "$", s.lane.prefix))
	}
	if err := s.lane.redis.Do(ctx, command...).Err(); err != nil {
		return "", fmt.Errorf("add a user to Redis: %w", err)
	}
	address, err := url.Parse(s.url)
	if err != nil {
		return "", errors.New("the server has no usable URL") // no detail: it may hold the password
	}
	address.User = url.UserPassword(name, password)
	return address.String(), nil
}
