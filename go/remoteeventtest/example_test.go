package remoteeventtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/remoteeventtest"
)

// exampleTB stands for the *testing.T of a test, which an example does not have.
type exampleTB struct {
	testing.TB

	cleanups []func()
}

func (*exampleTB) Helper()                  {}
func (*exampleTB) Context() context.Context { return context.Background() }
func (t *exampleTB) Cleanup(f func())       { t.cleanups = append(t.cleanups, f) }
func (*exampleTB) Fatal(args ...any)        { panic(fmt.Sprint(args...)) }
func (*exampleTB) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

func (t *exampleTB) end() {
	for _, f := range t.cleanups {
		f()
	}
}

type UploadEvent struct {
	Path string `json:"path"`
}

func (UploadEvent) EventName() string { return "upload_event" }

// upload is the code under test.
func upload(ctx context.Context, sender *remoteevent.Sender, path string) error {
	return sender.Send(ctx, UploadEvent{path})
}

// Test code that sends.
func ExampleRequireSent() {
	t := new(exampleTB) // in a test, its *testing.T
	defer t.end()

	sender, client := remoteeventtest.NewSender(t)
	if err := upload(t.Context(), sender, "/uploads/video1.mp4"); err != nil {
		t.Fatal(err)
	}
	event := remoteeventtest.RequireSent[UploadEvent](t, client)
	fmt.Println(event.Path)
	// Output: /uploads/video1.mp4
}

// Test a listener that depends on the attempt.
func ExampleDeliver() {
	t := new(exampleTB) // in a test, its *testing.T
	defer t.end()

	mux, err := remoteevent.NewMux()
	if err != nil {
		t.Fatal(err)
	}
	err = remoteevent.Handle(mux, func(ctx context.Context, _ UploadEvent) error {
		if remoteevent.DeliveryOf(ctx).Attempt < 3 {
			return errors.New("the disk is full")
		}
		return nil // do without
	})
	if err != nil {
		t.Fatal(err)
	}

	event := UploadEvent{"/uploads/video1.mp4"}
	fmt.Println("first attempt failed:", remoteeventtest.Deliver(t, mux, event) != nil)
	fmt.Println("third attempt failed:", remoteeventtest.Deliver(t, mux, event, remoteeventtest.WithAttempt(3)) != nil)
	// Output:
	// first attempt failed: true
	// third attempt failed: false
}

// Test a receiver with a Redis in memory.
func ExampleRedis() {
	t := new(exampleTB) // in a test, its *testing.T
	defer t.end()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()

	sender, client := remoteeventtest.NewSender(t)
	if err := upload(ctx, sender, "/uploads/video1.mp4"); err != nil {
		t.Fatal(err)
	}
	mux, err := remoteevent.NewMux()
	if err != nil {
		t.Fatal(err)
	}
	err = remoteevent.Handle(mux, func(_ context.Context, event UploadEvent) error {
		fmt.Println("received", event.Path)
		stop()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	receiver, err := remoteevent.NewReceiver(client, mux)
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.Run(ctx); err != nil {
		t.Fatal(err)
	}
	remoteeventtest.RequireNotSent[UploadEvent](t, client) // it was taken
	// Output: received /uploads/video1.mp4
}
