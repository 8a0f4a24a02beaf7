package remoteevent

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// popper takes messages out of Redis: delivery at most once.
type popper struct {
	receiver *Receiver
	config   *queueConfig
	queue    string
	client   redis.UniversalClient
	letters  *lease.Queue // nil where there are no dead letters
	outage   *outage
	bounder  *bounder // nil where dead letters have no bounds
	single   bool     // the server pops one message at a time (before Redis 6.2)
}

// take implements source. The context does not call it off: Redis may have taken
// a message out already.
func (p *popper) take(ctx context.Context, limit int) ([]*message, error) {
	raws, err := p.pop(ctx, limit)
	messages := make([]*message, len(raws))
	for i, raw := range raws {
		messages[i] = &message{raw: []byte(raw), attempt: 1}
	}
	return messages, err
}

func (p *popper) pop(ctx context.Context, limit int) ([]string, error) {
	raws, err := p.first(context.WithoutCancel(ctx))
	if err != nil || len(raws) == 0 || ctx.Err() != nil {
		return raws, err
	}
	// Where messages are long, a few are enough for a round trip.
	limit = min(limit-1, takeBytes/max(1, len(raws[0])))
	if limit < 1 || p.single {
		return raws, nil
	}
	behind, cancel := context.WithTimeout(context.WithoutCancel(ctx), replyTimeout)
	defer cancel()
	more, err := p.client.RPopCount(behind, p.queue, limit).Result()
	switch {
	case errors.Is(err, redis.Nil):
		err = nil
	case err != nil && strings.Contains(err.Error(), "wrong number of arguments"):
		p.single, err = true, nil
	}
	return append(raws, more...), err
}

// first waits for one message.
func (p *popper) first(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, blockTime+replyTimeout)
	defer cancel()
	reply, err := p.client.BRPop(ctx, blockTime, p.queue).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return reply[1:], nil
}

// handle implements source.
func (p *popper) handle(work context.Context, m *message) {
	o := endedOutcome
	defer func() { p.settle(work, m, o) }()
	o = p.receiver.deliver(work, p.queue, m, nil)
}

// settle does what is left to do when a message was handled: nothing, where all
// went well.
func (p *popper) settle(ctx context.Context, m *message, o outcome) {
	ctx = context.WithoutCancel(ctx)
	switch {
	case o.ok():
	case o.released():
		p.giveBack(ctx, []*message{m})
	case p.letters == nil:
		p.receiver.logLoss(ctx, p.queue, m, o)
	default:
		p.receiver.logDeath(ctx, p.queue, m, o)
		letter := lease.Letter{Body: m.raw, Reason: o.reason(), Attempts: 1}
		p.persist(ctx, "a dead letter could not be stored and is lost", func(ctx context.Context) error {
			_, err := p.letters.Import(ctx, letter)
			p.bounder.died()
			return err
		})
	}
}

func (p *popper) flush() {}

// giveBack implements source.
func (p *popper) giveBack(ctx context.Context, unhandled []*message) {
	if len(unhandled) == 0 {
		return
	}
	raws := make([]any, 0, len(unhandled))
	for i := range unhandled {
		raws = append(raws, unhandled[len(unhandled)-1-i].raw)
	}
	p.persist(ctx, "events could not be given back and are lost", func(ctx context.Context) error {
		args := append([]any{"rpush", p.queue}, raws...)
		return p.client.Process(ctx, rpush{redis.NewIntCmd(ctx, args...)})
	})
}

// rpush is an RPUSH that go-redis does not repeat by itself.
type rpush struct{ *redis.IntCmd }

// NoRetry tells go-redis to leave it at one attempt.
func (rpush) NoRetry() bool { return true }

// persist does once what cannot be made up for.
func (p *popper) persist(ctx context.Context, failed string, do func(ctx context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := do(ctx); err != nil {
		p.outage.log.ErrorContext(ctx, failed, "error", redaction.Error(err))
	}
}
