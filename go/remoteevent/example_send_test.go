package remoteevent_test

import (
	"context"
	"fmt"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// VideoUploaded is an event. Its exported fields are its payload.
type VideoUploaded struct {
	Path string `json:"path"`
}

// EventName is also the name of the list in Redis.
func (VideoUploaded) EventName() string { return "video_uploaded" }

// Send one event. Other events and the errors of Redis do not affect it.
func ExampleSender_Send() {
	client, stop := embeddedRedis()
	defer stop()
	ctx := context.Background()

	sender, err := remoteevent.NewSender(client, remoteevent.WithoutMetadata())
	if err != nil {
		panic(err)
	}
	if err := sender.Send(ctx, VideoUploaded{Path: "/uploads/video1.mp4"}); err != nil {
		panic(err)
	}

	fmt.Println(client.LRange(ctx, "video_uploaded", 0, -1).Val())
	// Output: [{"data": {"path":"/uploads/video1.mp4"}, "signals": ["video_uploaded", "remote_event", "event"]}]
}
