// Command idle consumes queues and does nothing else. It is a separate program, so that
// its memory is the memory of a small program with the library.
//
// It writes a line to standard output after each queue has delivered one message.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/remoteevent"
)

func main() {
	prefix := flag.String("prefix", "", "the prefix `TEXT` of the queues' names")
	count := flag.Int("queues", 1, "the number of queues")
	atMostOnce := flag.Bool("at-most-once", false, "receive at most once")
	flag.Parse()
	queues := make([]string, *count)
	for i := range queues {
		queues[i] = fmt.Sprintf("%s%d", *prefix, i)
	}
	var options []remoteevent.ReceiverOption
	if *atMostOnce {
		options = append(options, remoteevent.WithAtMostOnce())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Getenv("REDIS_URL"), queues, options)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string, queues []string, options []remoteevent.ReceiverOption) error {
	redisOptions, err := redis.ParseURL(url)
	if err != nil {
		return errors.New("REDIS_URL is invalid") // the parser's error contains the password
	}
	client := redis.NewClient(redisOptions)
	defer client.Close()
	options = append(options, remoteevent.WithQueues(queues...), remoteevent.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))))
	var mu sync.Mutex
	heard := map[string]bool{}
	handler := remoteevent.HandlerFunc(func(_ context.Context, delivery *remoteevent.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		heard[delivery.Queue] = true
		if len(heard) == len(queues) {
			fmt.Println("ready")
		}
		return nil
	})
	receiver, err := remoteevent.NewReceiver(client, handler, options...)
	if err != nil {
		return err
	}
	return receiver.Run(ctx)
}
