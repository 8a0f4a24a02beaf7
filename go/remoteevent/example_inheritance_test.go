package remoteevent_test

import (
	"context"
	"fmt"

	"github.com/remote-events/remote-events/go/remoteevent"
)

type MediaEvent struct {
	Path string `json:"path"`
}

func (MediaEvent) EventName() string { return "media_event" }

// ImageEvent embeds MediaEvent and so inherits from it.
type ImageEvent struct {
	MediaEvent

	Width int `json:"width"`
}

func (ImageEvent) EventName() string { return "image_event" }

// A listener of the parent receives the child. Listen adds no queue, so the child comes
// by its own.
func ExampleListen() {
	client, stopRedis := embeddedRedis()
	defer stopRedis()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()

	sender, err := remoteevent.NewSender(client)
	if err != nil {
		panic(err)
	}
	image := ImageEvent{MediaEvent{"/uploads/image1.png"}, 640}
	if err := sender.Send(ctx, image); err != nil {
		panic(err)
	}

	mux, err := remoteevent.NewMux()
	if err != nil {
		panic(err)
	}
	err = remoteevent.Handle(mux, func(_ context.Context, event ImageEvent) error {
		fmt.Println("image of width", event.Width)
		return nil
	})
	if err != nil {
		panic(err)
	}
	err = remoteevent.Listen(mux, func(ctx context.Context, event MediaEvent) error {
		fmt.Println("media", event.Path, "by", remoteevent.DeliveryOf(ctx).EventName())
		stop()
		return nil
	})
	if err != nil {
		panic(err)
	}
	receiver, err := remoteevent.NewReceiver(client, mux)
	if err != nil {
		panic(err)
	}
	if err := receiver.Run(ctx); err != nil {
		panic(err)
	}
	// Output:
	// image of width 640
	// media /uploads/image1.png by image_event
}
