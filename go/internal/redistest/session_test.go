package redistest_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/spec"
)

// TestSessions plays the specification's sessions, byte by byte.
func TestSessions(t *testing.T) {
	t.Parallel()
	vectors, err := spec.SessionVectors()
	if err != nil || len(vectors) == 0 {
		t.Fatal(len(vectors), err)
	}
	for _, v := range vectors {
		t.Run(strings.ReplaceAll(v.ID, "/", "_"), func(t *testing.T) {
			t.Parallel()
			redistest.Each(t, func(t *testing.T, client *redis.Client) { play(t, client.Options().Addr, v.Steps) })
		})
	}
}

func play(t *testing.T, addr string, steps []spec.SessionStep) {
	connections := map[string]net.Conn{}
	for i, step := range steps {
		c := connections[step.Connection]
		if c == nil {
			var err error
			if c, err = new(net.Dialer).DialContext(t.Context(), "tcp", addr); err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			connections[step.Connection] = c
		}
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, step.Client); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, len(step.Server))
		if _, err := io.ReadFull(c, answer); err != nil || string(answer) != step.Server {
			t.Errorf("step %d: the server answers %q, %v; want %q", i+1, answer, err, step.Server)
		}
	}
}
