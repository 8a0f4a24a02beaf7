package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// flow sends numbered events with send --ndjson, from a source that never waits for long,
// and receives them with listen, while a test changes the servers.
type flow struct {
	t      *testing.T
	url    string
	events int
	seen   chan int      // the numbers of received events
	sent   chan struct{} // closed when all are sent
}

func startFlow(t *testing.T, url string, events int) *flow {
	t.Helper()
	f := &flow{t: t, url: url, events: events, seen: make(chan int, 4*events), sent: make(chan struct{})}
	lines, _, _ := listenInBackground(t, "flow", "--redis", url)
	go func() {
		for {
			line, err := lines.ReadString('\n')
			var event struct {
				Payload struct {
					N int `json:"n"`
				} `json:"payload"`
			}
			if err != nil || json.Unmarshal([]byte(line), &event) != nil {
				return
			}
			f.seen <- event.Payload.N
		}
	}()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	go f.send(ctx)
	return f
}

// send sends all events. After a failure it continues at the line that the command names, as
// a person does.
func (f *flow) send(ctx context.Context) {
	defer close(f.sent)
	for next := 1; next <= f.events && ctx.Err() == nil; {
		read, write := io.Pipe()
		go func() {
			for n := next; n <= f.events; n++ {
				if _, err := fmt.Fprintf(write, "{\"n\": %d}\n", n); err != nil {
					return
				}
				select {
				case <-time.After(time.Millisecond): // the rate of the source
				case <-ctx.Done():
				}
			}
			_ = write.Close()
		}()
		r := invocation{args: []string{"send", "flow", "--ndjson", "-", "-o", "json", "--redis", f.url}, stdin: read}.run(ctx)
		_ = read.Close()
		var done progress
		if r.code == exitDone {
			next = f.events + 1
		} else if json.Unmarshal([]byte(r.stdout), &done) == nil {
			next += max(done.FailedLine, 1) - 1
		}
	}
}

// await waits until so many different events are received.
func (f *flow) await(n int, found map[int]bool) {
	f.t.Helper()
	limit := time.After(time.Minute)
	for len(found) < n {
		select {
		case number := <-f.seen:
			found[number] = true
		case <-limit:
			f.t.Fatalf("%d of %d events arrived", len(found), n)
		}
	}
}

// TestReshardingWhileEventsFlow moves the slot of a queue between nodes, repeatedly: no
// event is lost, and neither the sender nor the listener stops.
func TestReshardingWhileEventsFlow(t *testing.T) {
	t.Parallel()
	addrs := redistest.StartCluster(t, 2)
	f := startFlow(t, urlOf(addrs[0]), 1200)
	found := map[int]bool{}
	nodes := make([]*redis.Client, len(addrs))
	ids := make([]string, len(addrs))
	for i, addr := range addrs {
		nodes[i] = redis.NewClient(&redis.Options{Addr: addr})
		defer nodes[i].Close()
		ids[i] = nodes[i].ClusterMyID(t.Context()).Val()
	}
	slot := nodes[0].ClusterKeySlot(t.Context(), "flow").Val()
	from := int(slot / 8192) // the first node has the first half
	for turn := 1; turn <= 4; turn++ {
		f.await(turn*200, found) // events flow before each move
		source, destination := nodes[from], nodes[1-from]
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(destination.Do(t.Context(), "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from]).Err())
		must(source.Do(t.Context(), "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1-from]).Err())
		host, port, _ := net.SplitHostPort(addrs[1-from])
		for {
			keys, err := source.ClusterGetKeysInSlot(t.Context(), int(slot), 100).Result()
			must(err)
			if len(keys) == 0 {
				break
			}
			for _, key := range keys { // one by one: in between, some are on each node
				must(source.Migrate(t.Context(), host, port, key, 0, 5*time.Second).Err())
			}
		}
		must(destination.Do(t.Context(), "CLUSTER", "SETSLOT", slot, "NODE", ids[1-from]).Err())
		must(source.Do(t.Context(), "CLUSTER", "SETSLOT", slot, "NODE", ids[1-from]).Err())
		from = 1 - from
	}
	f.await(f.events, found)
	<-f.sent
}

// TestFailoverWhileEventsFlow promotes the replica while events flow. Writes are paused
// until the replica has all of them, which Redis alone does not guarantee: no event is
// lost. The sender stops, names the line, and continues there.
func TestFailoverWhileEventsFlow(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinel(t)
	f := startFlow(t, "redis-sentinel://"+s.Addr+"?master="+redistest.SentinelMaster, 1000)
	found := map[int]bool{}
	f.await(200, found)
	primary, replica := redis.NewClient(&redis.Options{Addr: s.Primary}), redis.NewClient(&redis.Options{Addr: s.Replica})
	defer primary.Close()
	defer replica.Close()
	if err := primary.Do(t.Context(), "CLIENT", "PAUSE", "60000", "WRITE").Err(); err != nil {
		t.Fatal(err)
	}
	offset := func(client *redis.Client, field string) string {
		for line := range strings.Lines(client.Info(t.Context(), "replication").Val()) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), field+":"); ok {
				return value
			}
		}
		return ""
	}
	for offset(primary, "master_repl_offset") != offset(replica, "slave_repl_offset") {
		if t.Context().Err() != nil {
			t.Fatal(t.Context().Err())
		}
	}
	s.Failover(t)
	f.await(f.events, found)
	<-f.sent
}
