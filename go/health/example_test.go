package health_test

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/health"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// A receiver that does not run yet is alive, and not ready.
func ExampleHandler() {
	redisServer, err := miniredis.Run() // in an application: a Redis server
	if err != nil {
		panic(err)
	}
	defer redisServer.Close()
	client := redis.NewClient(&redis.Options{Addr: redisServer.Addr()})
	defer client.Close()
	handler := remoteevent.HandlerFunc(func(context.Context, *remoteevent.Delivery) error { return nil })
	receiver, err := remoteevent.NewReceiver(client, handler, remoteevent.WithQueues("file_event"))
	if err != nil {
		panic(err)
	}

	// In an application: http.ListenAndServe(":8080", health.Handler(receiver)).
	server := httptest.NewServer(health.Handler(receiver))
	defer server.Close()
	for _, path := range []string{"/livez", "/readyz"} {
		response, err := server.Client().Get(server.URL + path)
		if err != nil {
			panic(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			panic(err)
		}
		fmt.Print(path, " ", response.Status, "\n", string(body))
	}
	// Output:
	// /livez 200 OK
	// {"ok":true,"receivers":[{"state":"not started","problem":"the receiver is not started","queues":[]}]}
	// /readyz 503 Service Unavailable
	// {"ok":false,"receivers":[{"state":"not started","problem":"the receiver is not started","queues":[]}]}
}
