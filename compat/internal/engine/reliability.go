package engine

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/remote-events/remote-events/compat/internal/adapter"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/spec"
)

// heldCall is a held call of a listener with an event.
type heldCall struct {
	call  int64
	event int
}

// settings returns the settings of the receivers of a step, nil if they deliver at most
// once. The second try has longer leases: on a busy machine, a lease may expire.
func (s *scenario) settings(step suite.Step) *protocol.Reliable {
	if !s.reliably {
		return nil
	}
	settings := vectorSettings
	if step.Reliable != nil {
		settings = *step.Reliable
	}
	if s.turn.second {
		settings.LeaseMS *= secondTimeouts
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lease = time.Duration(settings.LeaseMS) * time.Millisecond
	s.retry = time.Duration(settings.RetryMS) * time.Millisecond
	return &settings
}

// reliability runs a step of a reliable receiver.
func (s *scenario) reliability(ctx context.Context, step suite.Step) error {
	switch step.Do {
	case "held":
		return s.awaitHeld(ctx, step)
	case "return":
		return s.each(func(p *participant) error { return s.returnHeld(ctx, step, s.process(s.name(step, p)), step.Count) })
	case "free":
		return s.each(func(p *participant) error { return s.freeCalls(ctx, step, s.process(s.name(step, p))) })
	case "fail":
		return s.each(func(p *participant) error { return s.failRepeatedly(ctx, step, p) })
	case "stopping":
		return s.each(func(p *participant) error { return s.beginStop(s.process(s.name(step, p))) })
	case "suspend", "resume":
		return s.each(func(p *participant) error { return s.suspend(step, s.process(s.name(step, p))) })
	case "extended":
		return s.awaitExtended(ctx, step)
	case "stage":
		return s.stage(ctx, step)
	case "rejected":
		return s.rejected(ctx, step)
	case "script":
		return s.knowsScript(ctx, step)
	case "suspects":
		return s.suspects(ctx, step)
	case "stored":
		return s.stored(ctx, step)
	case "released":
		return s.released(ctx, step)
	case "settled":
		return s.awaitSettled(ctx, step)
	case "promoted":
		return s.promote(ctx)
	default: // unreachable, reachable
		return s.separate(step)
	}
}

// hold records a held call; the caller holds the lock. A process handles one suspect at a
// time.
func (s *scenario) hold(a *processState, call heldCall) {
	if s.suspect[call.event] && s.problem == nil && slices.ContainsFunc(a.held, func(c heldCall) bool { return s.suspect[c.event] }) {
		s.problem = wrong("it handles two suspects at the same time")
	}
	a.held = append(a.held, call)
}

// holds reports whether a call is held.
func (s *scenario) holds() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.processes {
		if len(a.held) > 0 {
			return true
		}
	}
	return false
}

// awaitHeld waits until processes hold calls, and checks that the events are leased.
func (s *scenario) awaitHeld(ctx context.Context, step suite.Step) error {
	want := max(1, step.Count)
	if step.Who == "" {
		return s.awaitCalls(ctx, want, func() (held []heldCall) {
			for _, a := range s.processes {
				held = append(held, a.held...)
			}
			return held
		})
	}
	return s.each(func(p *participant) error {
		a := s.process(s.name(step, p))
		if a == nil {
			return fmt.Errorf("no process has the name %q", step.Who)
		}
		return s.awaitCalls(ctx, want, func() []heldCall { return a.held })
	})
}

// awaitCalls waits for calls, which it reads with the lock held.
func (s *scenario) awaitCalls(ctx context.Context, want int, calls func() []heldCall) error {
	var held []heldCall
	err := s.until(ctx, func() bool {
		held = slices.Clone(calls())
		return len(held) >= want
	}, nil)
	if err != nil {
		return fmt.Errorf("%d listeners are working, not %d: %w", len(held), want, err)
	}
	if !s.reliably {
		return nil
	}
	for _, call := range held {
		s.mu.Lock()
		queue := s.queueOf[call.event]
		s.mu.Unlock()
		found, err := s.find(ctx, queue, call.event)
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return wrong("event %d is not in Redis while its listener works: a crash would lose it", call.event)
		case found[0] != queueadmin.StateLeased:
			return wrong("event %d is %s, not leased, while its listener works", call.event, found[0])
		}
	}
	return s.foreignKeys(ctx)
}

// dead is the state of dead letters, which Peek does not have.
const dead queueadmin.State = "dead"

// find returns the states of an event in a queue and its companion keys.
func (s *scenario) find(ctx context.Context, queue string, event int) (states []queueadmin.State, err error) {
	all, err := s.contents(ctx, queue)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if one.event == event {
			states = append(states, one.state)
		}
	}
	return states, nil
}

// content is an event in Redis. Messages that the harness did not number have 0.
type content struct {
	event int
	state queueadmin.State
}

// contents returns the events in a queue and its companion keys.
func (s *scenario) contents(ctx context.Context, name string) (all []content, err error) {
	queue, err := queueadmin.Open(s.lane.redis, name)
	if err != nil {
		return nil, err
	}
	for message, err := range queue.Peek(ctx, 100_000) {
		if err != nil {
			return nil, fmt.Errorf("read the queue: %w", err)
		}
		all = append(all, content{numberOf(message.Raw), message.State})
	}
	for letter, err := range queue.DeadLetters(ctx) {
		if err != nil {
			return nil, fmt.Errorf("read the dead letters: %w", err)
		}
		all = append(all, content{numberOf(letter.Raw), dead})
	}
	return all, nil
}

// numberOf returns the number of the event in a message, 0 if there is none.
func numberOf(message []byte) int {
	var m struct {
		Data event `json:"data"`
	}
	if json.Unmarshal(message, &m) != nil {
		return 0
	}
	return m.Data.N
}

// returnHeld returns the oldest held calls of a process, or all if count is 0.
func (s *scenario) returnHeld(ctx context.Context, step suite.Step, a *processState, count int) error {
	if a == nil {
		return fmt.Errorf("no process has the name %q", step.Who)
	}
	h, err := holding(a.Process)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if count == 0 || count > len(a.held) {
		count = len(a.held)
	}
	calls := slices.Clone(a.held[:count])
	a.held = slices.Delete(a.held, 0, count)
	for _, call := range calls {
		if step.Error != "" {
			s.delivered[call.event]-- // it will be delivered again
		}
	}
	s.mu.Unlock()
	for _, call := range calls {
		err := h.Return(ctx, protocol.Return{Call: call.call, Error: step.Error, Permanent: step.Permanent})
		if a.stopping && (errors.Is(err, adapter.ErrExited) || errors.Is(err, adapter.ErrClosed)) {
			return wrong("it ended while a listener was working: the message in its hand is lost")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// freeCalls returns the held calls of a process, and has the later ones return at once.
func (s *scenario) freeCalls(ctx context.Context, step suite.Step, a *processState) error {
	if a == nil {
		return fmt.Errorf("no process has the name %q", step.Who)
	}
	s.mu.Lock()
	a.free = true
	s.mu.Unlock()
	return s.returnHeld(ctx, suite.Step{Who: step.Who}, a, 0)
}

// returnFreed returns the latest call of a process whose calls return at once.
func (s *scenario) returnFreed(ctx context.Context, a *processState) error {
	s.mu.Lock()
	var latest *heldCall
	if n := len(a.held); a.free && n > 0 {
		call := a.held[n-1]
		latest, a.held = &call, a.held[:n-1]
	}
	s.mu.Unlock()
	if latest == nil {
		return nil
	}
	h, err := holding(a.Process)
	if err != nil {
		return err
	}
	return h.Return(ctx, protocol.Return{Call: latest.call})
}

// abandon forgets the held calls of a process that has ended: their events are delivered
// again.
func (s *scenario) abandon(a *processState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, call := range a.held {
		s.delivered[call.event]--
	}
	a.held = nil
}

// failRepeatedly has a listener fail, and checks the delays of the retries. A delay is at
// least the time from the moment at which the retry was seen until it is due.
func (s *scenario) failRepeatedly(ctx context.Context, step suite.Step, p *participant) error {
	a := s.process(s.name(step, p))
	keys, err := companions(s.lane.redis, s.lane.prefix+step.Queue)
	if err != nil {
		return err
	}
	bound, longest := s.retry, time.Duration(0)
	for range step.Count {
		if err := s.awaitHeld(ctx, suite.Step{Who: step.Who}); err != nil {
			return err
		}
		if err := s.returnHeld(ctx, step, a, 1); err != nil {
			return err
		}
		delay, err := s.awaitRetry(ctx, keys["retries"], a)
		if err != nil {
			return err
		}
		if delay > bound {
			return wrong("the retry is delayed by %v or more, and not by at most %v", delay, bound)
		}
		longest, bound = max(longest, delay), 2*bound
	}
	if longest <= s.retry {
		return wrong("the delays of %d retries do not grow: none is longer than %v, the longest first one", step.Count, s.retry)
	}
	return nil
}

// awaitRetry waits until a message is retried, and returns how long from now. It returns 0
// if the message is already delivered again.
func (s *scenario) awaitRetry(ctx context.Context, key string, a *processState) (time.Duration, error) {
	for {
		retries, err := s.lane.redis.ZRangeWithScores(ctx, key, 0, 0).Result()
		if err != nil && ctx.Err() == nil {
			return 0, fmt.Errorf("read the retries: %w", err)
		}
		if len(retries) > 0 {
			now, err := s.lane.redis.Time(ctx).Result()
			return time.Duration(retries[0].Score)*time.Millisecond - time.Duration(now.UnixMilli())*time.Millisecond, err
		}
		s.mu.Lock()
		again := len(a.held) > 0
		s.mu.Unlock()
		if again {
			return 0, nil
		}
		if !wait(ctx) {
			return 0, fmt.Errorf("the message is not retried: %w", context.Cause(ctx))
		}
	}
}

// beginStop asks a process to stop.
func (s *scenario) beginStop(a *processState) error {
	if a == nil {
		return errors.New("no process has the name")
	}
	h, err := holding(a.Process)
	if err != nil {
		return err
	}
	s.mu.Lock()
	a.gone, a.free, a.stopping = true, true, true
	s.mu.Unlock()
	h.Stop()
	return nil
}

// suspender is a Process that can stand still, such as an *adapter.Adapter.
type suspender interface {
	Suspend() error
	Resume() error
}

// suspend has a process stand still, or continue.
func (s *scenario) suspend(step suite.Step, a *processState) error {
	if a == nil {
		return fmt.Errorf("no process has the name %q", step.Who)
	}
	p, ok := a.Process.(suspender)
	if !ok {
		return &protocol.FailedError{Op: step.Do, Reason: "unsupported: the process cannot stand still"}
	}
	if step.Do == "suspend" {
		return p.Suspend()
	}
	return p.Resume()
}

// awaitExtended waits until the present claims have been extended by Count leases. They
// must neither end nor expire.
func (s *scenario) awaitExtended(ctx context.Context, step suite.Step) error {
	keys, err := companions(s.lane.redis, s.lane.prefix+step.Queue)
	if err != nil {
		return err
	}
	first := map[string]float64{}
	for {
		now, err := s.lane.redis.Time(ctx).Result()
		if err == nil {
			var claims map[string]float64
			if claims, err = s.scores(ctx, keys["claims"]); err == nil {
				if len(first) == 0 {
					first = claims
				}
				done := len(first) > 0
				for claim, score := range first {
					until, ok := claims[claim]
					switch {
					case !ok:
						return wrong("a claim ended while its listener works")
					case until <= float64(now.UnixMilli()):
						return wrong("a lease expired while its listener works")
					}
					done = done && until-score >= float64(step.Count)*float64(s.lease.Milliseconds())
				}
				if done {
					return nil
				}
			}
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("read the claims: %w", err)
		}
		if !wait(ctx) {
			return fmt.Errorf("the leases were not extended: %w", context.Cause(ctx))
		}
	}
}

// scores returns the members of a sorted set with their scores.
func (s *scenario) scores(ctx context.Context, key string) (map[string]float64, error) {
	all, err := s.lane.redis.ZRangeWithScores(ctx, key, 0, -1).Result()
	scores := map[string]float64{}
	for _, z := range all {
		if member, ok := z.Member.(string); ok {
			scores[member] = z.Score
		}
	}
	return scores, err
}

// stage moves messages to staging, as a receiver does that waits.
func (s *scenario) stage(ctx context.Context, step suite.Step) error {
	queue := s.lane.prefix + step.Queue
	keys, err := companions(s.lane.redis, queue)
	if err != nil {
		return err
	}
	for range step.Count {
		message, err := s.lane.redis.LMove(ctx, queue, keys["staging"], "RIGHT", "LEFT").Result()
		s.trace.add("redis", "LMOVE "+queue, []byte(message))
		if err != nil {
			return fmt.Errorf("stage a message: %w", err)
		}
	}
	return nil
}

// suspects pushes events, and makes them suspects, as if two processes had died with them.
func (s *scenario) suspects(ctx context.Context, step suite.Step) error {
	queue := s.lane.prefix + step.Queue
	keys, err := companions(s.lane.redis, queue)
	if err != nil {
		return err
	}
	if err := s.push(ctx, suite.Step{Queue: step.Queue, Count: step.Count}); err != nil {
		return err
	}
	now, err := s.lane.redis.Time(ctx).Result()
	if err != nil {
		return fmt.Errorf("read the time: %w", err)
	}
	s.mu.Lock()
	for n := s.number; n > s.number-step.Count; n-- {
		s.suspect[n] = true
	}
	s.mu.Unlock()
	for i := range step.Count {
		body, err := s.lane.redis.RPop(ctx, queue).Result()
		if err != nil {
			return fmt.Errorf("make a suspect: %w", err)
		}
		const token = "AAAAAAAAAAAAAAAAAAAAAA"
		id := fmt.Sprintf("%016d-%s-1-1001", now.UnixMicro()+int64(i), token)
		pipe := s.lane.redis.TxPipeline()
		pipe.HSet(ctx, keys["bodies"], id, body)
		pipe.HSet(ctx, keys["attempts"], id, "2 2 "+token)
		pipe.HSet(ctx, keys["reasons"], id, `{"code":"expired"}`)
		pipe.Do(ctx, "ZADD", keys["suspects"], now.UnixMilli(), id)
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("make a suspect: %w", err)
		}
	}
	return nil
}

// rejected starts a process, which must reject the queues.
func (s *scenario) rejected(ctx context.Context, step suite.Step) error {
	return s.each(func(p *participant) error {
		a, err := s.start(ctx, s.name(step, p), s.url, p)
		if err != nil {
			return err
		}
		s.trace.add("redis", "queues", []byte(strings.Join(step.Queues, ", ")))
		err = a.Receive(ctx, protocol.Reception{Queues: step.Queues, Signals: step.Queues, Reliable: s.settings(step)})
		failure, failed := errors.AsType[*protocol.FailedError](err)
		switch {
		case err == nil:
			return wrong("it consumes %q", step.Queues)
		case failed && !failure.Unsupported():
			return nil
		}
		return err
	})
}

// knowsScript checks that a client has sent a script of the specification.
func (s *scenario) knowsScript(ctx context.Context, step suite.Step) error {
	text, err := spec.Files.ReadFile("lua/" + *step.Text + ".lua")
	if err != nil {
		return err
	}
	sum := sha1.Sum(text)
	known, err := s.lane.redis.ScriptExists(ctx, hex.EncodeToString(sum[:])).Result()
	if err == nil && !slices.Contains(known, true) {
		err = wrong("Redis does not know the script %s.lua: the receiver has another text", *step.Text)
	}
	return err
}

// stored checks that an event is in Redis once.
func (s *scenario) stored(ctx context.Context, step suite.Step) error {
	found, err := s.find(ctx, s.lane.prefix+step.Queue, step.Event)
	if err == nil && len(found) != 1 {
		err = wrong("event %d is in Redis %d times, not once: %q", step.Event, len(found), found)
	}
	return err
}

// released checks that a queue has no message that only a reliable receiver sees, after
// its receivers have stopped.
func (s *scenario) released(ctx context.Context, step suite.Step) error {
	queue, err := queueadmin.Open(s.lane.redis, s.lane.prefix+step.Queue)
	if err != nil {
		return err
	}
	stats, err := queue.Stats(ctx)
	if err != nil {
		return fmt.Errorf("count the messages: %w", err)
	}
	if stats.Staged+stats.Leased+stats.Retrying > 0 {
		return wrong("after the stop, %d messages are staged, %d leased and %d retried: all should be in the queue", stats.Staged, stats.Leased, stats.Retrying)
	}
	return nil
}

// awaitSettled waits until nothing is left of a queue except dead letters, and checks them.
func (s *scenario) awaitSettled(ctx context.Context, step suite.Step) error {
	name := s.lane.prefix + step.Queue
	keys, err := companions(s.lane.redis, name)
	if err != nil {
		return err
	}
	for {
		left, err := s.left(ctx, name, keys, int64(step.Count))
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("count the messages: %w", err)
		}
		s.mu.Lock()
		_, twice := s.missing()
		s.mu.Unlock()
		if len(twice) > 0 && !step.Repeated {
			return wrong("events were delivered more than once: %v", some(twice))
		}
		if err == nil && left == "" {
			break
		}
		if !wait(ctx) {
			return fmt.Errorf("%s: %w", left, context.Cause(ctx))
		}
	}
	return s.letters(ctx, step, name)
}

// left describes what a queue has besides so many dead letters, "" if nothing.
func (s *scenario) left(ctx context.Context, queue string, keys map[string]string, letters int64) (string, error) {
	pipe := s.lane.redis.Pipeline()
	count := map[string]func() int64{}
	for kind, key := range keys {
		switch kind {
		case "staging":
			c := pipe.LLen(ctx, key)
			count[kind] = c.Val
		case "bodies", "attempts", "reasons":
			c := pipe.HLen(ctx, key)
			count[kind] = c.Val
		case "seen":
		default:
			c := pipe.ZCard(ctx, key)
			count[kind] = c.Val
		}
	}
	queued := pipe.LLen(ctx, queue)
	if _, err := pipe.Exec(ctx); err != nil {
		return "", err
	}
	var left []string
	if n := queued.Val(); n > 0 {
		left = append(left, fmt.Sprintf("%d in the queue", n))
	}
	for kind, n := range count {
		want := int64(0)
		if slices.Contains([]string{"bodies", "attempts", "reasons", "dead"}, kind) {
			want = letters
		}
		if n() != want {
			left = append(left, fmt.Sprintf("%d in %s, not %d", n(), kind, want))
		}
	}
	slices.Sort(left)
	return strings.Join(left, ", "), nil
}

// letters checks the dead letters of a queue.
func (s *scenario) letters(ctx context.Context, step suite.Step, name string) error {
	queue, err := queueadmin.Open(s.lane.redis, name)
	if err != nil {
		return err
	}
	keys := queue.CompanionKeys()
	for letter, err := range queue.DeadLetters(ctx) {
		if err != nil {
			return fmt.Errorf("read the dead letters: %w", err)
		}
		reason, err := s.lane.redis.HGet(ctx, keys["reasons"], letter.ID).Result()
		if err != nil {
			return fmt.Errorf("read the reason of %s: %w", letter.ID, err)
		}
		s.trace.add("redis", "dead letter "+letter.ID, []byte(reason))
		s.mu.Lock()
		pushed := s.pushed[string(letter.Raw)]
		s.mu.Unlock()
		switch {
		case !pushed:
			return wrong("the dead letter has other bytes than any message: %s", Text(letter.Raw, 300))
		case step.Attempts > 0 && letter.Attempts != step.Attempts:
			return wrong("the dead letter has %d attempts, not %d", letter.Attempts, step.Attempts)
		case step.Text != nil && strings.Contains(reason, *step.Text):
			return wrong("the reason of the dead letter has a part of the payload: %s", reason)
		}
		if problem := faultyReason(reason, step.Codes...); problem != "" {
			return wrong("%s", problem)
		}
	}
	return nil
}

// maxReason is the maximum length of a reason (REL-25).
const maxReason = 16 << 10

// faultyReason returns what is wrong with a reason that must have one of the codes, "" if
// nothing (REL-25).
func faultyReason(reason string, codes ...string) string {
	var members map[string]json.RawMessage
	var r struct {
		Code  *string  `json:"code"`
		Error string   `json:"error"`
		Chain []string `json:"chain"`
	}
	switch {
	case json.Unmarshal([]byte(reason), &members) != nil || json.Unmarshal([]byte(reason), &r) != nil || r.Code == nil:
		return "the reason of the dead letter is not an object with a code: " + Text([]byte(reason), 300)
	case len(reason) > maxReason:
		return fmt.Sprintf("the reason of the dead letter has %d bytes, more than %d", len(reason), maxReason)
	case len(codes) > 0 && !slices.Contains(codes, *r.Code):
		return fmt.Sprintf("the dead letter has the code %q, not %s", *r.Code, strings.Join(codes, " or "))
	}
	return ""
}

// separate cuts Redis off from the processes, or connects it again.
func (s *scenario) separate(step suite.Step) error {
	if step.Do == "reachable" {
		address, err := url.Parse(s.own.URL())
		if err == nil {
			s.proxy.Target(address.Host)
		}
		return err
	}
	s.proxy.Target("")
	s.proxy.Cut()
	return nil
}

// promote has new connections reach another server, which is empty, and makes the present
// one its replica.
func (s *scenario) promote(ctx context.Context) error {
	client := s.lane.redis
	defer client.Close()
	own, err := s.server.Another(ctx)
	if err != nil {
		return err
	}
	s.former = append(s.former, s.own)
	s.own, s.restarted = own, true
	if err := s.connectOwn(ctx); err != nil {
		return err
	}
	address, err := url.Parse(own.URL())
	if err != nil {
		return err
	}
	if err := client.Do(ctx, "REPLICAOF", address.Hostname(), address.Port()).Err(); err != nil {
		return fmt.Errorf("make Redis a replica: %w", err)
	}
	return nil
}

// consistent checks what holds between any two commands of Redis: the companion keys do
// not contradict each other, no event is lost, none is stored twice, and no other keys of
// this kind exist.
func (s *scenario) consistent(ctx context.Context) error {
	s.mu.Lock()
	problem := s.problem
	queues := map[string]bool{}
	for _, queue := range s.queueOf {
		queues[queue] = true
	}
	s.mu.Unlock()
	if problem != nil || s.restarted { // empty
		return problem
	}
	stored := map[int]int{}
	for name := range queues {
		queue, err := queueadmin.Open(s.lane.redis, name)
		if err != nil {
			return err
		}
		for fault, err := range queue.Audit(ctx) {
			if err != nil {
				return fmt.Errorf("audit the companion keys: %w", err)
			}
			return wrong("the companion keys of %q contradict each other: message %s: %s", name, fault.ID, fault.Problem)
		}
		all, err := s.contents(ctx, name)
		if err != nil {
			return err
		}
		for _, one := range all {
			stored[one.event]++
		}
	}
	if err := s.foreignKeys(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := 1; n <= s.number; n++ {
		switch {
		case s.delivered[n] <= 0 && stored[n] == 0:
			return wrong("event %d is lost: it was not handled, and is not in Redis", n)
		case stored[n] > 1:
			return wrong("event %d is in Redis %d times", n, stored[n])
		}
	}
	return nil
}

// foreignKeys checks that no key has the prefix of companion keys, except those of the
// queues.
func (s *scenario) foreignKeys(ctx context.Context) error {
	known := map[string]bool{}
	for _, a := range s.processes {
		for _, queue := range a.queues {
			keys, err := companions(s.lane.redis, queue)
			if err != nil {
				return err
			}
			for _, key := range keys {
				known[key] = true
			}
		}
	}
	keys := s.lane.redis.Scan(ctx, 0, "remote-event:*", 1000).Iterator()
	for keys.Next(ctx) {
		if !known[keys.Val()] {
			return wrong("the key %q is no companion key of a queue", keys.Val())
		}
	}
	return keys.Err()
}
