package remoteevent

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redaction"
)

// popped is the source of at-most-once delivery: it pops messages.
type popped struct {
	queue   string
	client  redis.UniversalClient
	blocker *blocker
	letters *lease.Queue // nil without dead letters
	bounder *bounder     // nil if the dead letters have no limits
	log     *slog.Logger

	longest atomic.Int64          // size of the longest recent message
	single  atomic.Bool           // RPOP has no count (before Redis 6.2)
	current atomic.Pointer[noted] // an argument of the pop under way
}

func (p *popped) exchange(ctx context.Context, r report, w want) (taken, error) {
	for _, m := range r.done {
		p.storeDead(ctx, m)
	}
	if w.count == 0 {
		return taken{due: -1}, nil
	}
	key := p.begin()
	defer p.end()
	pop, asked := p.pop(ctx, key, w)
	_ = p.client.Process(ctx, noRetry{pop})
	t, err := p.taken(asked, pop)
	t.reported = true // otherwise each failed pop would store the dead letters again
	return t, err
}

// await implements source. It waits for the first message, and pops the others in the
// same round trip.
func (p *popped) await(ctx context.Context, wait time.Duration, w want) (taken, error) {
	conn, err := p.blocker.connection(ctx)
	if err != nil {
		return taken{due: -1}, err
	}
	key := p.begin()
	defer p.end()
	first := redis.NewCmd(ctx, "brpop", key, strconv.FormatFloat(p.blocker.limit(wait).Seconds(), 'f', 3, 64))
	pipeline := conn.Pipeline()
	_ = pipeline.Process(ctx, noRetry{first})
	var pop *redis.Cmd
	asked := 0
	if w.count--; w.count > 0 {
		pop, asked = p.pop(ctx, key, w)
		_ = pipeline.Process(ctx, noRetry{pop})
	}
	_, err = pipeline.Exec(ctx)
	p.blocker.done(err)
	return p.taken(1+asked, first, pop)
}

// begin begins a pop, and returns the key for its commands.
func (p *popped) begin() (key *noted) {
	key = &noted{raw: []byte(p.queue)}
	p.current.Store(key)
	return key
}

func (p *popped) end() { p.current.Store(nil) }

// popping reports whether a pop may have been sent that has no reply yet. Its messages are
// lost if the connection is closed.
func (p *popped) popping() bool {
	key := p.current.Load()
	return key != nil && key.writes.Load() > 0
}

// pop returns the command that pops several messages or one, and how many.
func (p *popped) pop(ctx context.Context, key *noted, w want) (pop *redis.Cmd, count int) {
	if p.single.Load() {
		return redis.NewCmd(ctx, "rpop", key), 1
	}
	// RPOP has no size limit: choose a count that probably stays within it. Before the
	// first message, no size is known.
	count = 1
	if longest := p.longest.Load(); longest > 0 {
		count = min(w.count, lease.MaxCount, max(1, takeBytes/int(longest)))
	}
	return redis.NewCmd(ctx, "rpop", key, count), count
}

// taken parses the replies of BRPOP and RPOP, either of which may be nil. asked is the
// number of messages that they asked for.
func (p *popped) taken(asked int, replies ...*redis.Cmd) (taken, error) {
	var raws []string
	var failed error
	for _, reply := range replies {
		if reply == nil {
			continue
		}
		value, err := reply.Result()
		switch {
		case errors.Is(err, redis.Nil):
		case err != nil && strings.Contains(err.Error(), "wrong number of arguments"):
			p.single.Store(true)
		case failed == nil:
			failed = err
		}
		switch value := value.(type) {
		case string:
			raws = append(raws, value)
		case []any:
			if reply.Name() == "brpop" && len(value) == 2 {
				value = value[1:]
			}
			for _, raw := range value {
				text, _ := raw.(string)
				raws = append(raws, text)
			}
		}
	}
	t := taken{messages: make([]*message, len(raws)), due: -1}
	store := make([]message, len(raws))
	longest := max(1, p.longest.Load()*7/8)
	for i, raw := range raws {
		store[i] = message{raw: bytesOf(raw), attempt: 1}
		t.messages[i] = &store[i]
		longest = max(longest, int64(len(raw)))
	}
	if len(raws) > 0 {
		p.longest.Store(longest)
	}
	t.more = len(raws) > 0 && len(raws) >= asked
	return t, failed
}

func (p *popped) interrupt(ctx context.Context) { p.blocker.interrupt(ctx) }

// storeDead stores a dead letter.
func (p *popped) storeDead(ctx context.Context, m *message) {
	letter := lease.Letter{Body: m.raw, Reason: m.disposition.reason, Attempts: 1}
	if _, err := p.letters.Import(ctx, letter); err != nil {
		p.log.ErrorContext(ctx, "cannot store dead letter; event lost", "error", redaction.Error(err))
	}
	p.bounder.died()
}

// release implements source. It returns an error if no message was returned for certain;
// the caller may then repeat it. Messages whose return is uncertain are not returned
// again, to avoid duplicates.
func (p *popped) release(ctx context.Context, r report) (lost []*message, err error) {
	args := make([]any, 0, 2+len(r.done))
	args = append(args, "rpush", p.queue)
	for _, m := range slices.Backward(r.done) {
		args = append(args, m.raw)
	}
	first := &noted{raw: r.done[len(r.done)-1].raw}
	args[2] = first
	err = p.client.Process(ctx, noRetry{redis.NewCmd(ctx, args...)})
	switch {
	case err == nil:
	case rejected(err, first.writes.Load()):
		return nil, err
	default:
		p.log.ErrorContext(ctx, "cannot release events; events lost", "events", len(r.done), "error", redaction.Error(err))
		return r.done, nil
	}
	return nil, nil
}

// noted is an argument of a command that records that it was written.
type noted struct {
	raw    []byte
	writes atomic.Int32
}

// MarshalBinary is called by go-redis only when it writes the command.
func (n *noted) MarshalBinary() ([]byte, error) {
	n.writes.Add(1)
	return n.raw, nil
}

// String returns the argument for go-redis, which routes commands by their keys.
func (n *noted) String() string { return string(n.raw) }

func (p *popped) extend(context.Context, []string) (lost []int, err error) { return nil, nil }

// noRetry disables go-redis' automatic retries for a command.
type noRetry struct{ *redis.Cmd }

// NoRetry prevents a second attempt.
func (noRetry) NoRetry() bool { return true }
