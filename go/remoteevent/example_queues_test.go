package remoteevent_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/remote-events/remote-events/go/remoteevent"
)

type Thumbnail struct {
	Path string `json:"path"`
}

func (Thumbnail) EventName() string { return "thumbnail" }

type Transcode struct {
	Path string `json:"path"`
}

func (Transcode) EventName() string { return "transcode" }

// One receiver consumes several queues. Options are defaults for all queues, and
// WithQueue sets those of one queue. Queues never wait for each other.
func ExampleWithQueue() {
	client, stopRedis := embeddedRedis()
	defer stopRedis()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	sender, err := remoteevent.NewSender(client)
	if err != nil {
		panic(err)
	}
	err = sender.SendBatch(ctx, Thumbnail{"a.png"}, Thumbnail{"b.png"}, Transcode{"c.mp4"})
	if err != nil {
		panic(err)
	}

	var mu sync.Mutex // listeners run concurrently
	var done []string
	finish := func(what string) error {
		mu.Lock()
		defer mu.Unlock()
		if done = append(done, what); len(done) == 3 {
			stop()
		}
		return nil
	}
	mux, err := remoteevent.NewMux()
	if err != nil {
		panic(err)
	}
	err = remoteevent.Handle(mux, func(_ context.Context, e Thumbnail) error { return finish("thumbnail " + e.Path) })
	if err != nil {
		panic(err)
	}
	err = remoteevent.Handle(mux, func(_ context.Context, e Transcode) error { return finish("transcode " + e.Path) })
	if err != nil {
		panic(err)
	}
	receiver, err := remoteevent.NewReceiver(client, mux,
		remoteevent.WithConcurrency(8),
		remoteevent.WithDeadLetterAge(30*24*time.Hour),
		remoteevent.WithQueue("transcode",
			remoteevent.WithConcurrency(1),
			remoteevent.WithPrefetch(0), // other receivers take what waits
			remoteevent.WithMaxAttempts(3),
			remoteevent.WithLease(2*time.Minute)),
	)
	if err != nil {
		panic(err)
	}
	if err := receiver.Run(ctx); err != nil {
		panic(err)
	}
	slices.Sort(done)
	fmt.Println(done)
	// Output: [thumbnail a.png thumbnail b.png transcode c.mp4]
}
