package engine

import (
	"context"
	"time"

	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// lostReply is a push whose reply does not reach the sender.
type lostReply struct {
	scenario *scenario
	queue    string
	before   int64 // the length of the list
	cancel   func()
	lost     chan bool
}

// loseReply forwards the next LPUSH of a client. When the list has grown, it ends the
// connection instead of forwarding the reply.
func (s *scenario) loseReply(ctx context.Context, queue string) (*lostReply, error) {
	before, err := s.lane.redis.LLen(ctx, queue).Result()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &lostReply{s, queue, before, cancel, make(chan bool, 1)}
	forwarded := s.proxy.Lose("lpush")
	go func() {
		select {
		case <-forwarded:
		case <-ctx.Done():
			l.lost <- false
			return
		}
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for s.lane.redis.LLen(ctx, queue).Val() == before && ctx.Err() == nil {
			<-ticker.C
		}
		s.trace.add("harness", "ends the connections", []byte("the reply to LPUSH "+queue+" is lost"))
		s.proxy.Cut()
		l.lost <- true
	}()
	return l, nil
}

// judge returns an error unless the sender has reported an unknown outcome, and has not
// repeated the push. sending is nil if the sender reported that the event is in Redis.
func (l *lostReply) judge(ctx context.Context, sending error) error {
	l.cancel()
	lost := <-l.lost
	after, err := l.scenario.lane.redis.LLen(ctx, l.queue).Result()
	switch {
	case err != nil:
		return err
	case after > l.before+1:
		return wrong("it pushed the event %d times: it repeated the push when the reply was lost (SEND-5)", after-l.before)
	case sending == nil && !lost:
		return wrong("it reports that the event is in Redis, and has sent no LPUSH (SEND-3)")
	case sending == nil:
		return wrong("it reports that the event is in Redis, but it cannot know this: the reply was lost (SEND-6)")
	}
	return nil
}

// The outcomes of an event that is not sent.
const (
	notStored   = "did not store"
	mayBeStored = "may have stored"
)

// reports records the text that a sender reports for an outcome. It returns an error if
// the sender reports another outcome with the same text.
func (s *scenario) reports(outcome string, failure *protocol.FailedError) error {
	other := notStored
	if outcome == notStored {
		other = mayBeStored
	}
	s.failures[outcome] = failure.Reason
	if text, ok := s.failures[other]; ok && text == failure.Reason {
		return wrong("it reports an event that Redis %s, and one that Redis %s, with the same text (SEND-6): %s", notStored, mayBeStored, text)
	}
	return nil
}
