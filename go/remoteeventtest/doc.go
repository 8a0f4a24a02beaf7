// Package remoteeventtest tests programs that send and receive remote events. It needs
// no Redis and no network.
//
// # Sending
//
// [NewSender] returns a real sender whose Redis is in memory. [RequireSent] returns
// the event that the code under test has sent:
//
//	sender, client := remoteeventtest.NewSender(t)
//	upload(t.Context(), sender, "/uploads/video1.mp4")
//	event := remoteeventtest.RequireSent[NewFileEvent](t, client)
//
// Code that is tested with a sender of its own accepts a small interface:
//
//	type eventSender interface {
//		Send(ctx context.Context, event remoteevent.Event) error
//	}
//
// # Receiving
//
// [Deliver] passes one event to a mux and returns the error of its listeners:
//
//	err := remoteeventtest.Deliver(t, mux, NewFileEvent{Path: "/uploads/video1.mp4"}, remoteeventtest.WithAttempt(3))
//
// [Redis] runs a whole receiver, with retries and dead letters.
//
// # Time
//
// In a bubble of [testing/synctest], timers fire as soon as all goroutines wait for
// them. This test takes no time, although the listener gives up after a minute:
//
//	synctest.Test(t, func(t *testing.T) {
//		mux, err := remoteevent.NewMux()
//		if err != nil {
//			t.Fatal(err)
//		}
//		err = remoteevent.Handle(mux, func(ctx context.Context, _ NewFileEvent) error {
//			ctx, cancel := context.WithTimeout(ctx, time.Minute)
//			defer cancel()
//			<-ctx.Done() // a server that does not answer
//			return ctx.Err()
//		})
//		if err != nil {
//			t.Fatal(err)
//		}
//		start := time.Now()
//		err = remoteeventtest.Deliver(t, mux, NewFileEvent{Path: "/uploads/video1.mp4"})
//		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
//			t.Errorf("the listener returned %v after %v", err, time.Since(start))
//		}
//	})
//
// A receiver runs in a bubble, too, with its retries in the time of the bubble. Call
// [Redis] inside the bubble, and end [remoteevent.Receiver.Run] before the bubble ends. An idle
// receiver polls: a minute of the bubble takes about half a second, so shorten long
// delays with [remoteevent.WithBackoff].
package remoteeventtest
