//go:build unix

package remoteevent_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/remote-events/remote-events/go/remoteevent"
)

type Report struct {
	Month string `json:"month"`
}

func (Report) EventName() string { return "report" }

// A container runtime sends SIGTERM and kills the process some time later. Run then
// takes no more events and returns when the running listeners have finished, at the
// latest after the shutdown timeout. Set it below the time that the runtime allows: 10
// seconds in Docker, terminationGracePeriodSeconds in Kubernetes.
func ExampleWithShutdownTimeout() {
	client, stopRedis := embeddedRedis()
	defer stopRedis()
	client.LPush(context.Background(), "report", `{"data": {"month": "May"}, "signals": ["report"]}`)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	mux, err := remoteevent.NewMux()
	if err != nil {
		panic(err)
	}
	err = remoteevent.Handle(mux, func(ctx context.Context, report Report) error {
		fmt.Println("the report of", report.Month, "has begun")
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil { // as the runtime does
			return err
		}
		<-remoteevent.DeliveryOf(ctx).Shutdown
		fmt.Println("the shutdown has begun; the context goes on:", ctx.Err() == nil)
		return nil
	})
	if err != nil {
		panic(err)
	}
	receiver, err := remoteevent.NewReceiver(client, mux, remoteevent.WithShutdownTimeout(8*time.Second))
	if err != nil {
		panic(err)
	}
	fmt.Println("Run returned", receiver.Run(ctx))
	// Output:
	// the report of May has begun
	// the shutdown has begun; the context goes on: true
	// Run returned <nil>
}
