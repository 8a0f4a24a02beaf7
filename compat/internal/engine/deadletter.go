package engine

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/wire"
)

// vectorSettings are the settings of reliable receivers for vectors. The delay of a retry is
// so long that a message whose listener fails is not delivered again during the run.
var vectorSettings = protocol.Reliable{LeaseMS: 60_000, MaxAttempts: 25, RetryMS: 600_000}

// reception returns the request for the receiver of a batch.
func (b batch) reception(queues []string) protocol.Reception {
	r := protocol.Reception{Queues: queues, Signals: b.signals, Hold: b.hold}
	if b.reliably {
		r.Reliable = &vectorSettings
	}
	return r
}

// letters returns the number of dead letters of a queue, 0 if its receiver is not reliable.
func (s *session) letters(ctx context.Context, queue string) (int64, error) {
	if !s.batch.reliably {
		return 0, nil
	}
	keys, err := companions(s.lane.redis, queue)
	if err != nil {
		return 0, err
	}
	n, err := s.lane.redis.ZCard(ctx, keys["dead"]).Result()
	if err != nil {
		return 0, fmt.Errorf("count the dead letters: %w", err)
	}
	return n, nil
}

// companions returns the companion keys of a queue by their kind.
func companions(client redis.UniversalClient, queue string) (map[string]string, error) {
	q, err := queueadmin.Open(client, queue)
	if err != nil {
		return nil, err
	}
	return q.CompanionKeys(), nil
}

// letter compares the dead letters of a reliable receiver with the dead letters before the
// delivery. A malformed message must become a dead letter with the same bytes (RECV-4,
// REL-23). Any other message must not become one.
func (s *session) letter(ctx context.Context, queue string, before int64, d delivery, patience time.Duration) (problems []string, err error) {
	if !s.batch.reliably {
		return nil, nil
	}
	keys, err := companions(s.lane.redis, queue)
	if err != nil {
		return nil, err
	}
	malformed := d.c.Delivery != nil && d.c.Delivery.Verdict == string(wire.Malformed)
	ctx, cancel := calibration.WithTimeout(ctx, patience)
	defer cancel()
	for {
		n, err := s.lane.redis.ZCard(ctx, keys["dead"]).Result()
		switch {
		case err != nil && ctx.Err() == nil:
			return nil, fmt.Errorf("count the dead letters: %w", err)
		case err == nil && !malformed && n == before:
			return nil, nil
		case err == nil && !malformed:
			return []string{"the message is a dead letter, but it is not malformed"}, nil
		case err == nil && n > before:
			return s.compareLetter(ctx, keys, d.message)
		}
		if !wait(ctx) {
			return nil, fmt.Errorf("the malformed message is no dead letter: %w", context.Cause(ctx))
		}
	}
}

// compareLetter compares the latest dead letter with the message.
func (s *session) compareLetter(ctx context.Context, keys map[string]string, message []byte) ([]string, error) {
	ids, err := s.lane.redis.ZRange(ctx, keys["dead"], -1, -1).Result()
	if err != nil || len(ids) == 0 {
		return nil, fmt.Errorf("read the latest dead letter: %w", err)
	}
	body, err := s.lane.redis.HGet(ctx, keys["bodies"], ids[0]).Bytes()
	if err != nil {
		return nil, fmt.Errorf("read the dead letter %s: %w", ids[0], err)
	}
	reason, err := s.lane.redis.HGet(ctx, keys["reasons"], ids[0]).Result()
	if err != nil {
		return nil, fmt.Errorf("read the reason of the dead letter %s: %w", ids[0], err)
	}
	s.trace.add("redis", "dead letter "+ids[0], []byte(reason))
	var problems []string
	if !bytes.Equal(body, message) {
		problems = append(problems, "the dead letter has other bytes than the message: "+Text(body, 300))
	}
	if problem := faultyReason(reason, "malformed"); problem != "" {
		problems = append(problems, problem)
	}
	return problems, nil
}

// poll is the interval at which the engine looks at Redis.
const poll = 5 * time.Millisecond

// wait waits for the next look at Redis. It returns false at the end of ctx.
func wait(ctx context.Context) bool {
	timer := time.NewTimer(poll)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
