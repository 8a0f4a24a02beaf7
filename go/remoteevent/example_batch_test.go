package remoteevent_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/remote-events/remote-events/go/remoteevent"
)

type Comment struct {
	Text string `json:"text"`
}

func (Comment) EventName() string { return "comment" }

// A batch stores the events that can be sent, and its error has the outcome of each.
// Send an event again if its outcome is Unknown and the receivers recognize what they
// have handled; never if it is Rejected with a RejectedError, which stays wrong.
func ExampleSender_SendBatch() {
	client, stop := embeddedRedis()
	defer stop()

	sender, err := remoteevent.NewSender(client)
	if err != nil {
		panic(err)
	}
	comments := []remoteevent.Event{Comment{"first"}, Comment{"not UTF-8: \xff"}, Comment{"last"}}
	err = sender.SendBatch(context.Background(), comments...)

	if batch, ok := errors.AsType[*remoteevent.BatchError](err); ok {
		for i, result := range batch.Results {
			_, rejected := errors.AsType[*remoteevent.RejectedError](result.Err)
			fmt.Println(i, result.Outcome, rejected)
		}
	}
	// Output:
	// 0 stored false
	// 1 rejected true
	// 2 stored false
}
