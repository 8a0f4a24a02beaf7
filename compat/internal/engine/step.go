package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/proxy"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/wire"
)

// send sends events with a sender of each participant.
func (s *scenario) send(ctx context.Context, step suite.Step) error {
	address, err := s.user(ctx, step.User)
	if err != nil {
		return err
	}
	step.Who = strings.TrimSpace("sender " + step.Who)
	err = s.each(func(p *participant) error {
		name := s.name(step, p)
		if s.process(name) != nil {
			return nil
		}
		_, err := s.start(ctx, name, address, p)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range s.participants {
		a := s.process(s.name(step, p))
		for range max(1, step.Count) {
			if err := s.sendOne(ctx, a, step); err != nil {
				return err
			}
		}
	}
	return nil
}

// sendOne sends one event, and judges the answer.
func (s *scenario) sendOne(ctx context.Context, a *processState, step suite.Step) error {
	queue := s.lane.prefix + step.Queue
	var n int
	message := protocol.Message{EventName: queue}
	if step.Text != nil {
		message.PayloadText = *step.Text
	} else {
		n = s.next(queue)
		message.PayloadText = payload(n, step.Bytes)
	}
	var reply *lostReply
	if step.Lost {
		var err error
		if reply, err = s.loseReply(ctx, queue); err != nil {
			return err
		}
	}
	err := a.Send(ctx, message)
	failure, failed := errors.AsType[*protocol.FailedError](err)
	switch {
	case reply != nil:
		if wrong := reply.judge(ctx, err); wrong != nil || !failed || failure.Unsupported() {
			return errors.Join(wrong, err)
		}
		return s.reports(mayBeStored, failure)
	case failed && (step.Fails || step.MayFail) && !failure.Unsupported():
		s.mu.Lock()
		s.delivered[n] = s.times(n) // it must not be delivered
		s.mu.Unlock()
		if step.Fails && s.lane.redis.Ping(ctx).Err() == nil {
			return s.reports(notStored, failure) // Redis has replied with an error
		}
	case err != nil:
		return err
	case step.Fails:
		return wrong("it reports that the event is in Redis, which is not possible")
	}
	return nil
}

// next returns the number of the next event, which is for a queue.
func (s *scenario) next(queue string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	s.queueOf[s.number] = queue
	return s.number
}

// push pushes numbered events, or a text.
func (s *scenario) push(ctx context.Context, step suite.Step) error {
	for _, name := range step.Names() {
		queue := s.lane.prefix + name
		var messages []any
		same := 0 // the number of equal events
		if step.Same {
			same = s.next(queue)
			s.mu.Lock()
			s.copies[same] = max(1, step.Count)
			s.mu.Unlock()
		}
		for range max(1, step.Count) {
			var message []byte
			if step.Text != nil {
				message = []byte(*step.Text)
			} else {
				n := same
				if n == 0 {
					n = s.next(queue)
				}
				env := wire.Envelope{EventName: queue, Payload: []byte(payload(n, step.Bytes))}
				if step.ID != "" {
					env.Metadata.Attributes = map[string]string{"id": step.ID}
				}
				var err error
				if message, _, err = wire.Encode(env, wire.Limits{SendBytes: wire.DefaultReceiveBytes}); err != nil {
					return err
				}
			}
			if len(messages) < 3 {
				s.trace.add("redis", "LPUSH "+queue, message)
			}
			messages = append(messages, message)
			s.mu.Lock()
			s.pushed[string(message)] = true
			s.mu.Unlock()
		}
		for part := range slices.Chunk(messages, 1000) {
			if err := s.lane.redis.LPush(ctx, queue, part...).Err(); err != nil {
				return fmt.Errorf("push: %w", err)
			}
		}
	}
	return nil
}

// awaitDelivered waits until all events are delivered.
func (s *scenario) awaitDelivered(ctx context.Context, step suite.Step) error {
	err := s.until(ctx, func() bool {
		missing, twice := s.missing()
		return len(missing) == 0 || len(twice) > 0 && !step.Repeated || step.Count > 0 && s.number-len(missing) >= step.Count
	}, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	missing, twice := s.missing()
	switch {
	case len(twice) > 0 && !step.Repeated:
		return wrong("events were delivered more than once: %v", some(twice))
	case err != nil && step.Count > 0:
		return err
	case err != nil:
		return fmt.Errorf("%d of %d events were not delivered, such as %v: %w", len(missing), s.number, some(missing), err)
	case len(s.deaths) > 0 && !step.MayDie:
		return s.deaths[0]
	}
	for name, order := range s.orders {
		if step.Ordered && !slices.IsSorted(order) {
			return wrong("%s received them in another order: %v", name, some(order))
		}
	}
	return nil
}

// some returns the first numbers.
func some(numbers []int) []int { return numbers[:min(len(numbers), 10)] }

// length waits until a list has a length. It polls Redis, unless no process is left that
// could change the list.
func (s *scenario) length(ctx context.Context, step suite.Step) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	last := int64(-1)
	for {
		deserted := s.deserted()
		n, err := s.lane.redis.LLen(ctx, s.lane.prefix+step.Queue).Result()
		switch {
		case err == nil && n == int64(step.Count):
			s.show(ctx, step.Queue)
			return nil
		case err == nil && deserted:
			return wrong("the list has %d messages, not %d, and no process is left that could change it", n, step.Count)
		case err == nil:
			last = n
		case ctx.Err() == nil:
			return fmt.Errorf("read the length of the list: %w", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			if last < 0 {
				return fmt.Errorf("read the length of the list: %w", context.Cause(ctx))
			}
			return fmt.Errorf("the list has %d messages, not %d: %w", last, step.Count, context.Cause(ctx))
		}
	}
}

// show records the first messages of a list.
func (s *scenario) show(ctx context.Context, queue string) {
	for _, raw := range s.lane.redis.LRange(ctx, s.lane.prefix+queue, 0, 2).Val() {
		s.trace.add("redis", "LRANGE "+s.lane.prefix+queue, []byte(raw))
	}
}

// account compares the pushed events with the delivered and the remaining ones. A reliable
// receiver may leave messages in the companion keys: other receivers get them later.
func (s *scenario) account(ctx context.Context, step suite.Step) error {
	left := map[int]int{}
	var remaining []int // from the right of the list
	for _, name := range step.Names() {
		raws, err := s.lane.redis.LRange(ctx, s.lane.prefix+name, 0, -1).Result()
		if err != nil {
			return err
		}
		var numbers []int
		for _, raw := range raws {
			var message struct {
				Data event `json:"data"`
			}
			if err := json.Unmarshal([]byte(raw), &message); err != nil {
				return wrong("the list has a message that was not pushed: %w", err)
			}
			left[message.Data.N]++
			numbers = append(numbers, message.Data.N)
		}
		slices.Reverse(numbers) // the right end comes first
		remaining = append(remaining, numbers...)
		if s.reliably {
			kept, err := s.contents(ctx, s.lane.prefix+name, queueadmin.StateStaged, queueadmin.StateRetrying, queueadmin.StateLeased)
			if err != nil {
				return err
			}
			for _, one := range kept {
				left[one.event]++
			}
		}
	}
	s.trace.add("redis", "LRANGE", fmt.Appendf(nil, "%d messages remain", len(left)))
	s.mu.Lock()
	defer s.mu.Unlock()
	var lost, twice []int
	for n := 1; n <= s.number; n++ {
		switch times := s.delivered[n] + left[n]; {
		case times < s.times(n):
			lost = append(lost, n)
		case times > s.times(n):
			twice = append(twice, n)
		}
	}
	switch {
	case len(lost) > 0:
		return wrong("%d events were lost: they were not delivered, and are not in Redis", len(lost))
	case len(twice) > 0 && (!step.Repeated || !s.reliably):
		return wrong("%d events were delivered more than once, or delivered and kept", len(twice))
	case !step.Ordered || len(remaining) == 0:
		return nil
	case !slices.IsSorted(remaining):
		return wrong("the remaining messages are in another order, from the right: %v (RECV-12)", some(remaining))
	}
	for n := remaining[0]; n <= s.number; n++ {
		if s.delivered[n] > 0 {
			return wrong("event %d was delivered, and the older event %d is still in the list (RECV-1, RECV-12)", n, remaining[0])
		}
	}
	return nil
}

// stop ends a process of each participant. Reports before the end count. After a crash it
// waits until Redis has noticed the end of the connections: before that, Redis sends
// messages to the process that has ended.
func (s *scenario) stop(ctx context.Context, step suite.Step) error {
	return s.each(func(p *participant) error {
		a := s.process(s.name(step, p))
		if a == nil {
			return fmt.Errorf("no process has the name %q", step.Who)
		}
		s.mu.Lock()
		a.gone = true
		s.mu.Unlock()
		if step.Do == "crash" {
			a.Kill()
		} else if a.stopping {
			select { // its calls are returned until it has ended
			case <-a.pumped:
			case <-ctx.Done():
			}
		}
		if err := a.Close(); err != nil && step.Do == "stop" {
			return err
		}
		if a.pumped != nil {
			<-a.pumped
		}
		s.abandon(a)
		if a.proxy != nil {
			if err := a.proxy.AwaitEnd(ctx); err != nil {
				return fmt.Errorf("Redis has not noticed that the process has gone: %w", err) //nolint:staticcheck // a name
			}
		}
		return nil
	})
}

// command runs a command of Redis.
func (s *scenario) command(ctx context.Context, step suite.Step) error {
	var words []any
	for _, word := range step.Command {
		words = append(words, strings.ReplaceAll(word, "$", s.lane.prefix))
	}
	answer, err := s.lane.redis.Do(ctx, words...).Result()
	s.trace.add("redis", strings.TrimSpace(fmt.Sprintln(words...)), fmt.Appendf(nil, "%v %v", answer, err))
	return err
}

// stall is the duration of a stall of the network. A receiver that stops must wait longer.
const stall = 2 * time.Second

// outage ends connections, stops or starts the server, or waits for the consequences.
func (s *scenario) outage(ctx context.Context, step suite.Step) error {
	switch step.Do {
	case "cut":
		if !s.holds() {
			s.awaitIdle(ctx)
		}
		// As an administrator does.
		if err := s.lane.redis.ClientKillByFilter(ctx, "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
			return fmt.Errorf("kill connections: %w", err)
		}
		return nil
	case "stall":
		s.proxy.Set(proxy.Condition{Silent: true})
		time.AfterFunc(stall, func() { s.proxy.Set(proxy.Condition{}) })
		return nil
	case "error":
		return s.awaitError(ctx, step)
	case "down":
		s.proxy.Target("")
		return errors.Join(s.lane.redis.Close(), s.own.Close())
	case "refused":
		if err := s.until(ctx, func() bool { return false }, s.proxy.Refused()); err != nil {
			return fmt.Errorf("no client tried to connect again: %w", err)
		}
		return s.repeatedly(ctx, step.Count, func() (int, error) { return s.proxy.Attempts(), nil })
	default: // up
		own, err := s.server.Another(ctx)
		if err != nil {
			return err
		}
		s.own, s.restarted = own, true
		return s.connectOwn(ctx)
	}
}

// awaitIdle returns when every receiver waits for a message according to the server, so
// that no connection ends with a message. A receiver that polls is idle between two
// commands. awaitIdle takes at most half of the time of the step.
func (s *scenario) awaitIdle(ctx context.Context) {
	ctx, cancel := calibration.WithTimeout(ctx, s.turn.timeout)
	defer cancel()
	s.mu.Lock()
	receivers := 0
	for _, a := range s.processes {
		if a.queues != nil && !a.gone && !a.died {
			receivers++
		}
	}
	s.mu.Unlock()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		clients, err := s.lane.redis.ClientList(ctx).Result()
		if err != nil || strings.Count(clients, " flags=b ")+polling(clients) >= receivers {
			return // or the server has no CLIENT LIST
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			s.trace.add("harness", "stops waiting", []byte("not every receiver is idle"))
			return
		}
	}
}

// polling counts the clients in a reply to CLIENT LIST whose last command is a pop that
// does not wait.
func polling(clients string) int {
	n := 0
	for client := range strings.SplitSeq(clients, "\n") {
		for _, command := range []string{"rpop", "lpop", "lmpop", "rpoplpush", "lmove"} {
			if strings.Contains(client+" ", " cmd="+command+" ") && !strings.Contains(client, " flags=b ") {
				n++
			}
		}
	}
	return n
}

// awaitError waits until the statistics of Redis have an error of a kind.
func (s *scenario) awaitError(ctx context.Context, step suite.Step) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		n, err := s.errors(ctx, *step.Text)
		switch {
		case err != nil && ctx.Err() == nil:
			return err
		case s.over() != nil:
			return s.over()
		case n > 0:
			return s.repeatedly(ctx, step.Count, func() (int, error) { return s.errors(ctx, *step.Text) })
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("no client got the error %s: %w", *step.Text, context.Cause(ctx))
		}
	}
}
