package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// sending is a way to send messages.
type sending struct {
	// send sends count messages with consecutive marks from mark, in that order. It may
	// be called concurrently.
	send  func(ctx context.Context, mark int64, count int) error
	close func() error
	// stored verifies that exactly count messages are stored. The default checks the list.
	stored func(ctx context.Context, count int) error
}

// senderOption is an option of the library's sender.
type senderOption = remoteevent.SenderOption

// openSender opens a way to send. Only the library's senders use the options.
type openSender func(ctx context.Context, s *stage, options ...senderOption) (*sending, error)

// batch is the number of messages of a batch.
const batch = 1000

func sendCases() []Case {
	var cases []Case
	for _, size := range Sizes() {
		add := func(w Workload, participant string, own bool, measure func(ctx context.Context, s *stage, p pace) (Sample, error)) {
			cases = append(cases, Case{Workload: w, Size: size, Participant: participant, measure: measure, own: own})
		}
		for w, goroutines := range map[Workload]int{Send1: 1, Send50: 50} {
			add(w, "library", false, measureSend(goroutines, librarySender))
			add(w, "library-plain", false, measureSend(goroutines, librarySender, remoteevent.WithoutMetadata()))
			add(w, "go-redis", false, measureSend(goroutines, goRedisSender))
			add(w, "go-redis-autopipeline", false, measureSend(goroutines, autoPipelineSender))
			add(w, "rueidis", false, measureSend(goroutines, rueidisSender))
			add(w, "redis-benchmark", false, measureRedisBenchmark(goroutines, 1))
			add(w, "asynq", true, measureSend(goroutines, asynqSender))
			add(w, "watermill", false, measureSend(goroutines, watermillSender))
		}
		add(Send1, "resp", false, measureSend(1, respSender(1)))
		add(Send50, "resp-pipelined", false, measureSend(1, respSender(50)))
		add(Send1, "original", false, measureOriginalSend)
		add(SendBatch, "library", false, measureSend(1, librarySendsBatches))
		add(SendBatch, "go-redis", false, measureSend(1, goRedisSendsBatches))
		add(SendBatch, "rueidis", false, measureSend(1, rueidisSendsBatches))
		add(SendBatch, "resp", false, measureSend(1, respSendsBatches))
		add(SendBatch, "redis-benchmark-P100", false, measureRedisBenchmark(50, 100))
	}
	slices.SortStableFunc(cases, func(a, b Case) int { // a map has no order
		return workloadIndex(a.Workload) - workloadIndex(b.Workload)
	})
	return cases
}

func workloadIndex(w Workload) int { return slices.Index(Workloads(), w) }

// measureSend sends a tenth of the messages to warm up, and measures the rest.
func measureSend(goroutines int, open openSender, options ...senderOption) func(ctx context.Context, s *stage, p pace) (Sample, error) {
	return func(ctx context.Context, s *stage, _ pace) (_ Sample, err error) {
		s.same = true
		w, err := open(ctx, s, options...)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, w.close()) }()
		warm := max(1, s.count/10)
		run := func(mark int64, count int) error {
			return concurrently(ctx, goroutines, count, func(ctx context.Context, first, count int) error {
				return w.send(ctx, mark+int64(first), count)
			})
		}
		if err := run(firstMark, warm); err != nil {
			return nil, err
		}
		redisBefore, err := s.read(ctx)
		if err != nil {
			return nil, err
		}
		before := read()
		if err := run(firstMark+int64(warm), s.count); err != nil {
			return nil, err
		}
		sample := read().sample(before, s.count)
		redisAfter, err := s.read(ctx)
		if err != nil {
			return nil, err
		}
		redisAfter.add(sample, redisBefore, s.count)
		if w.stored != nil {
			return sample, w.stored(ctx, warm+s.count)
		}
		if len(options) > 0 { // plain messages
			plain := *s.template
			plain.raw = plain.plain
			copied := *s
			copied.template = &plain
			s = &copied
		}
		return sample, s.stored(ctx, queue, warm+s.count)
	}
}

// quiet discards the library's log. A run returns its errors.
var quiet = remoteevent.WithLogger(slog.New(slog.DiscardHandler))

func librarySender(_ context.Context, s *stage, options ...senderOption) (*sending, error) {
	client := s.client()
	sender, err := remoteevent.NewSender(client, append(options, quiet)...)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &sending{close: client.Close, send: func(ctx context.Context, mark int64, count int) error {
		for i := range count {
			if err := sender.Send(ctx, s.template.event(mark+int64(i))); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

func librarySendsBatches(_ context.Context, s *stage, _ ...senderOption) (*sending, error) {
	client := s.client()
	sender, err := remoteevent.NewSender(client, quiet)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &sending{close: client.Close, send: func(ctx context.Context, mark int64, count int) error {
		events := make([]remoteevent.Event, 0, batch)
		for done := 0; done < count; done += len(events) {
			events = events[:0]
			for i := range min(batch, count-done) {
				events = append(events, s.template.event(mark+int64(done+i)))
			}
			if err := sender.SendBatch(ctx, events...); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

// raw returns the message with a mark.
func (s *stage) raw(mark int64) []byte {
	if s.same {
		return s.template.raw
	}
	return s.template.marked(mark)
}

// one sends messages one after the other.
func one(s *stage, count int, mark int64, push func(raw []byte) error) error {
	for i := range count {
		if err := push(s.raw(mark + int64(i))); err != nil {
			return err
		}
	}
	return nil
}

func goRedisSender(_ context.Context, s *stage, _ ...senderOption) (*sending, error) {
	client := s.client()
	return &sending{close: client.Close, send: func(ctx context.Context, mark int64, count int) error {
		return one(s, count, mark, func(raw []byte) error { return client.LPush(ctx, queue, raw).Err() })
	}}, nil
}

func autoPipelineSender(_ context.Context, s *stage, _ ...senderOption) (*sending, error) {
	client := s.client()
	pipeliner, err := client.AutoPipeline()
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	closing := func() error { return errors.Join(pipeliner.Close(), client.Close()) }
	return &sending{close: closing, send: func(ctx context.Context, mark int64, count int) error {
		return one(s, count, mark, func(raw []byte) error { return pipeliner.LPush(ctx, queue, raw).Err() })
	}}, nil
}

func goRedisSendsBatches(_ context.Context, s *stage, _ ...senderOption) (*sending, error) {
	client := s.client()
	return &sending{close: client.Close, send: func(ctx context.Context, mark int64, count int) error {
		return batches(s, count, mark, func(values []any) error { return client.LPush(ctx, queue, values...).Err() })
	}}, nil
}

// batches sends messages in variadic commands with a batch or about 1 MiB each.
func batches(s *stage, count int, mark int64, push func(values []any) error) error {
	values := make([]any, 0, batch)
	for done := 0; done < count; {
		n := min(s.chunk(batch), count-done)
		if !s.same {
			values = values[:0]
		}
		for i := len(values); i < n; i++ {
			values = append(values, s.raw(mark+int64(done+i)))
		}
		if err := push(values[:n]); err != nil {
			return err
		}
		done += n
	}
	return nil
}

// openRueidis returns a rueidis client with default options, but without its client-side
// cache, which needs a Redis with tracking.
func openRueidis(options *redis.Options) (rueidis.Client, error) {
	return rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{options.Addr}, Username: options.Username, Password: options.Password,
		SelectDB: options.DB, TLSConfig: options.TLSConfig, DisableCache: true,
	})
}

func rueidisSender(_ context.Context, s *stage, _ ...senderOption) (*sending, error) {
	client, err := openRueidis(s.options)
	if err != nil {
		return nil, err
	}
	closing := func() error { client.Close(); return nil }
	return &sending{close: closing, send: func(ctx context.Context, mark int64, count int) error {
		return one(s, count, mark, func(raw []byte) error {
			return client.Do(ctx, client.B().Lpush().Key(queue).Element(rueidis.BinaryString(raw)).Build()).Error()
		})
	}}, nil
}

func rueidisSendsBatches(_ context.Context, s *stage, _ ...senderOption) (*sending, error) {
	client, err := openRueidis(s.options)
	if err != nil {
		return nil, err
	}
	closing := func() error { client.Close(); return nil }
	return &sending{close: closing, send: func(ctx context.Context, mark int64, count int) error {
		return batches(s, count, mark, func(values []any) error {
			command := client.B().Lpush().Key(queue).Element()
			for _, value := range values {
				command = command.Element(rueidis.BinaryString(value.([]byte))) //nolint:forcetypeassert // batches passes only bytes
			}
			return client.Do(ctx, command.Build()).Error()
		})
	}}, nil
}

// respSender writes commands with resp, pipeline commands before it reads their replies.
func respSender(pipeline int) openSender {
	return func(ctx context.Context, s *stage, _ ...senderOption) (*sending, error) {
		r, err := dialRESP(ctx, s.options)
		if err != nil {
			return nil, err
		}
		closing := func() error { r.close(); return nil }
		return &sending{close: closing, send: func(_ context.Context, mark int64, count int) error {
			for done := 0; done < count; {
				n := min(s.chunk(pipeline), count-done)
				for i := range n {
					r.push(s.template, queue, mark+int64(done+i), 1)
				}
				if err := r.out.Flush(); err != nil {
					return err
				}
				for range n {
					if _, err := r.line(); err != nil {
						return err
					}
				}
				done += n
			}
			return nil
		}}, nil
	}
}

func respSendsBatches(ctx context.Context, s *stage, _ ...senderOption) (*sending, error) {
	r, err := dialRESP(ctx, s.options)
	if err != nil {
		return nil, err
	}
	closing := func() error { r.close(); return nil }
	return &sending{close: closing, send: func(_ context.Context, mark int64, count int) error {
		return s.pushAll(r, queue, mark, count)
	}}, nil
}

// pace has the duration of a case of fixed length, and the interval of its messages.
type pace struct {
	duration time.Duration
}

var errNotHere = errors.New("not here")

// missing returns the error of a participant that this machine lacks.
func missing(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errNotHere, fmt.Sprintf(format, args...))
}
