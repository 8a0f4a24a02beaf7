package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/hibiken/asynq"
)

func splitAddress(address string) (host, port string, err error) { return net.SplitHostPort(address) }

// peerConcurrency is the number of workers or subscribers of the peers.
const peerConcurrency = 10

func (r *Redis) asynq() asynq.RedisClientOpt {
	return asynq.RedisClientOpt{
		Network: r.options.Network, Addr: r.options.Addr, Username: r.options.Username, Password: r.options.Password,
		DB: r.options.DB, TLSConfig: r.options.TLSConfig,
	}
}

func asynqSender(_ context.Context, s *stage, _ ...senderOption) (*sending, error) {
	client := asynq.NewClient(s.asynq())
	return &sending{close: client.Close, stored: s.asynqHolds, send: func(ctx context.Context, mark int64, count int) error {
		return one(s, count, mark, func(raw []byte) error {
			_, err := client.EnqueueContext(ctx, asynq.NewTask(queue, raw), asynq.Queue(queue))
			return err
		})
	}}, nil
}

// asynqHolds verifies the number of tasks of asynq.
func (s *stage) asynqHolds(_ context.Context, count int) (err error) {
	inspector := asynq.NewInspector(s.asynq())
	defer func() { err = errors.Join(err, inspector.Close()) }()
	info, err := inspector.GetQueueInfo(queue)
	if err == nil && info.Size != count {
		err = fmt.Errorf("asynq has %d tasks, want %d", info.Size, count)
	}
	return err
}

// silent is a logger for asynq that discards everything.
type silent struct{}

func (silent) Debug(...any) {}
func (silent) Info(...any)  {}
func (silent) Warn(...any)  {}
func (silent) Error(...any) {}
func (silent) Fatal(...any) {}

func asynqConsuming() consuming {
	return consuming{
		push: asynqSender,
		left: func(ctx context.Context, s *stage) error { return s.asynqHolds(ctx, 0) },
		receive: func(ctx context.Context, s *stage, received func(mark int64)) error {
			server := asynq.NewServer(s.asynq(), asynq.Config{
				Concurrency: peerConcurrency, Queues: map[string]int{queue: 1}, Logger: silent{},
			})
			mux := asynq.NewServeMux()
			mux.HandleFunc(queue, func(_ context.Context, task *asynq.Task) error {
				mark, err := byEncodingJSON(task.Payload())
				received(mark)
				return err
			})
			if err := server.Start(mux); err != nil {
				return err
			}
			<-ctx.Done()
			server.Shutdown()
			return nil
		},
	}
}

func watermillSender(_ context.Context, s *stage, _ ...senderOption) (*sending, error) {
	publisher, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: s.client()}, watermill.NopLogger{})
	if err != nil {
		return nil, err
	}
	stored := func(ctx context.Context, count int) error {
		length, err := s.control.XLen(ctx, queue).Result()
		if err == nil && length != int64(count) {
			err = fmt.Errorf("%d messages stored, %d sent", length, count)
		}
		return err
	}
	return &sending{close: publisher.Close, stored: stored, send: func(_ context.Context, mark int64, count int) error {
		return one(s, count, mark, func(raw []byte) error {
			return publisher.Publish(queue, message.NewMessage(watermill.NewUUID(), raw))
		})
	}}, nil
}

func watermillConsuming() consuming {
	const group = "bench"
	return consuming{
		push: watermillSender,
		left: func(ctx context.Context, s *stage) error {
			pending, err := s.control.XPending(ctx, queue, group).Result()
			if err == nil && pending.Count != 0 {
				err = fmt.Errorf("%d messages without acknowledgement", pending.Count)
			}
			return err
		},
		receive: func(ctx context.Context, s *stage, received func(mark int64)) error {
			return concurrently(context.WithoutCancel(ctx), peerConcurrency, peerConcurrency, func(_ context.Context, n, _ int) error {
				client := s.client() // the subscriber closes it
				subscriber, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{
					Client: client, ConsumerGroup: group, Consumer: strconv.Itoa(n), OldestId: "0",
					DisableIndefiniteInitialBlock: true, // otherwise it never ends
				}, watermill.NopLogger{})
				if err != nil {
					return errors.Join(err, client.Close())
				}
				messages, err := subscriber.Subscribe(ctx, queue)
				if err != nil {
					return errors.Join(err, subscriber.Close())
				}
				for m := range messages {
					mark, problem := byEncodingJSON(m.Payload)
					err = errors.Join(err, problem)
					received(mark)
					m.Ack()
				}
				return errors.Join(err, subscriber.Close())
			})
		},
	}
}
