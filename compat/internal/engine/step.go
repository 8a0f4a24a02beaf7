package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/go/wire"
)

// send has senders send: one, or one of each participant.
func (s *stage) send(ctx context.Context, step suite.Step) error {
	address, err := s.user(ctx, step.User)
	if err != nil {
		return err
	}
	for _, p := range s.participants {
		step.Who = strings.TrimSpace("sender " + step.Who)
		a := s.processes[s.name(step, p)]
		if a == nil {
			if a, err = s.start(ctx, s.name(step, p), address, p); err != nil {
				return err
			}
		}
		for range max(1, step.Count) {
			n := s.next(s.lane.prefix + step.Queue)
			err := a.Send(ctx, protocol.Message{EventName: s.lane.prefix + step.Queue, PayloadText: payload(n, step.Bytes)})
			refusal, refused := errors.AsType[*protocol.FailedError](err)
			switch {
			case refused && (step.Fails || step.MayFail) && !refusal.Unsupported():
				s.mu.Lock()
				s.heard[n] = 1 // nobody is to hear it
				s.mu.Unlock()
			case err != nil:
				return err
			case step.Fails:
				return wrong("it says that the event is in Redis, which cannot be")
			}
		}
	}
	return nil
}

// next is the number of the next event, which goes into a queue.
func (s *stage) next(queue string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	s.into[s.number] = queue
	return s.number
}

// push pushes numbered events, or a text as it is.
func (s *stage) push(ctx context.Context, step suite.Step) error {
	for _, name := range step.Names() {
		queue := s.lane.prefix + name
		var messages []any
		for range max(1, step.Count) {
			var message []byte
			if step.Text != nil {
				message = []byte(*step.Text)
			} else {
				var err error
				message, _, err = wire.Encode(wire.Envelope{EventName: queue, Payload: []byte(payload(s.next(queue), step.Bytes))}, wire.Limits{SendBytes: wire.DefaultReceiveBytes})
				if err != nil {
					return err
				}
			}
			if len(messages) < 3 {
				s.trace.add("redis", "LPUSH "+queue, message)
			}
			messages = append(messages, message)
		}
		for part := range slices.Chunk(messages, 1000) {
			if err := s.lane.redis.LPush(ctx, queue, part...).Err(); err != nil {
				return fmt.Errorf("the harness cannot push: %w", err)
			}
		}
	}
	return nil
}

// hear waits until all events were heard.
func (s *stage) hear(ctx context.Context, step suite.Step) error {
	err := s.until(ctx, func() bool {
		missing, twice := s.missing()
		return len(missing) == 0 || len(twice) > 0 || step.Count > 0 && s.number-len(missing) >= step.Count
	}, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	missing, twice := s.missing()
	switch {
	case len(twice) > 0:
		return wrong("events were heard more than once: %v", some(twice))
	case err != nil && step.Count > 0:
		return err
	case err != nil:
		return fmt.Errorf("%d of %d events were not heard, such as %v: %w", len(missing), s.number, some(missing), err)
	case len(s.deaths) > 0 && !step.MayDie:
		return s.deaths[0]
	}
	for name, order := range s.orders {
		if step.Ordered && !slices.IsSorted(order) {
			return wrong("%s heard them in another order: %v", name, some(order))
		}
	}
	return nil
}

// some are the first of many.
func some(numbers []int) []int { return numbers[:min(len(numbers), 10)] }

// length waits until a list is so long. Redis does not tell, so it is asked
// again and again, unless no process is left that could change the list.
func (s *stage) length(ctx context.Context, step suite.Step) error {
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
			return fmt.Errorf("the harness cannot ask Redis: %w", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			if last < 0 {
				return fmt.Errorf("the harness cannot ask Redis: %w", context.Cause(ctx))
			}
			return fmt.Errorf("the list has %d messages, not %d: %w", last, step.Count, context.Cause(ctx))
		}
	}
}

// show records the first messages of a list.
func (s *stage) show(ctx context.Context, queue string) {
	for _, raw := range s.lane.redis.LRange(ctx, s.lane.prefix+queue, 0, 2).Val() {
		s.trace.add("redis", "LRANGE "+s.lane.prefix+queue, []byte(raw))
	}
}

// account holds what was pushed against what was heard and what is left.
func (s *stage) account(ctx context.Context, step suite.Step) error {
	left := map[int]int{}
	for _, name := range step.Names() {
		raws, err := s.lane.redis.LRange(ctx, s.lane.prefix+name, 0, -1).Result()
		if err != nil {
			return err
		}
		for _, raw := range raws {
			var message struct {
				Data event `json:"data"`
			}
			if err := json.Unmarshal([]byte(raw), &message); err != nil {
				return wrong("what is left in the list was not pushed: %w", err)
			}
			left[message.Data.N]++
		}
	}
	s.trace.add("redis", "LRANGE", fmt.Appendf(nil, "%d messages are left", len(left)))
	s.mu.Lock()
	defer s.mu.Unlock()
	var lost, twice []int
	for n := 1; n <= s.number; n++ {
		switch times := s.heard[n] + left[n]; {
		case times == 0:
			lost = append(lost, n)
		case times > 1:
			twice = append(twice, n)
		}
	}
	switch {
	case len(lost) > 0:
		return wrong("%d events were lost: taken out of the list, and not heard", len(lost))
	case len(twice) > 0:
		return wrong("%d events were heard more than once, or heard and kept", len(twice))
	}
	return nil
}

// stop ends processes: the one that is named, or all receivers. What they
// reported before their end counts. It waits until Redis has noticed a crash: until
// then it would give messages to the process that has gone.
func (s *stage) stop(ctx context.Context, step suite.Step) error {
	for _, p := range s.participants {
		a := s.processes[s.name(step, p)]
		if a == nil {
			return fmt.Errorf("nobody is called %q", step.Who)
		}
		s.mu.Lock()
		a.gone = true
		s.mu.Unlock()
		if step.Do == "crash" {
			a.Kill()
		}
		if err := a.Close(); err != nil && step.Do == "stop" {
			return err
		}
		if a.pumped != nil {
			<-a.pumped
		}
		if a.proxy != nil {
			if err := a.proxy.AwaitEnd(ctx); err != nil {
				return fmt.Errorf("Redis has not noticed that the process has gone: %w", err) //nolint:staticcheck // a name
			}
		}
	}
	return nil
}

// command has Redis do something.
func (s *stage) command(ctx context.Context, step suite.Step) error {
	var words []any
	for _, word := range step.Command {
		if name, ok := strings.CutPrefix(word, "$"); ok {
			word = s.lane.prefix + name
		}
		words = append(words, word)
	}
	answer, err := s.lane.redis.Do(ctx, words...).Result()
	s.trace.add("redis", strings.TrimSpace(fmt.Sprintln(words...)), fmt.Appendf(nil, "%v %v", answer, err))
	return err
}

// outage ends connections, or the server.
func (s *stage) outage(ctx context.Context, step suite.Step) error {
	switch step.Do {
	case "cut":
		s.waits(ctx)
		// As an administrator would.
		if err := s.lane.redis.ClientKillByFilter(ctx, "TYPE", "normal", "SKIPME", "yes").Err(); err != nil {
			return fmt.Errorf("the harness cannot kill connections: %w", err)
		}
		return nil
	case "told":
		return s.told(ctx, *step.Text)
	case "down":
		s.proxy.Target("")
		return errors.Join(s.lane.redis.Close(), s.own.Close())
	case "refused":
		if err := s.until(ctx, func() bool { return false }, s.proxy.Refused()); err != nil {
			return fmt.Errorf("nobody tried to connect again: %w", err)
		}
		return nil
	default: // up
		own, err := s.server.Another(ctx)
		if err != nil {
			return err
		}
		s.own = own
		return s.connectOwn()
	}
}

// waits returns when every receiver waits for a message, as far as the server
// tells: what becomes of a connection that is idle is another question. A
// receiver that asks again and again without waiting is idle between two
// questions, and none is waited for longer than half of the time of ctx.
func (s *stage) waits(ctx context.Context) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
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
			return // or it does not tell
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			s.trace.add("harness", "waits no longer", []byte("not every receiver is idle"))
			return
		}
	}
}

// polling counts the clients, in the answer to CLIENT LIST, whose last command
// took a message or found none, and did not wait for one.
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

// told waits until Redis has answered somebody with an error of a kind, as its
// statistics tell.
func (s *stage) told(ctx context.Context, kind string) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		statistics, err := s.lane.redis.Info(ctx, "errorstats").Result()
		switch {
		case err != nil && ctx.Err() == nil:
			return fmt.Errorf("the harness cannot ask Redis for the errors that it counts: %w", err)
		case strings.Contains(statistics, "errorstat_"+kind+":"):
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("nobody met the error %s: %w", kind, context.Cause(ctx))
		}
	}
}
