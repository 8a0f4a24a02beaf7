package queueadmin_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

func observer(t *testing.T, client redis.UniversalClient) *queueadmin.Observer {
	t.Helper()
	o, err := queueadmin.NewObserver(client)
	must(t, err)
	return o
}

// observed returns the state of a queue.
func observed(t *testing.T, o *queueadmin.Observer, queue string) queueadmin.QueueInfo {
	t.Helper()
	s, err := o.Observe(t.Context(), queue)
	must(t, err)
	if len(s.Queues) != 1 || s.Queues[0].Queue != queue {
		t.Fatalf("observed %+v", s.Queues)
	}
	return s.Queues[0]
}

// observeTwice observes a queue like a monitor, and returns the errors of the queue and of
// the server, and those of what is unknown.
func observeTwice(ctx context.Context, t *testing.T, client redis.UniversalClient, queue string) error {
	t.Helper()
	o := observer(t, client)
	var errs []error
	for range 2 {
		s, err := o.Observe(ctx, queue)
		if err != nil {
			return err
		}
		q := s.Queues[0]
		errs = append(errs, q.Err, s.Servers[0].Err)
		if q.Err == nil && (q.Bytes == nil || len(q.Leases) == 0 || q.RetryDue.IsZero() || q.Next.Bytes == nil || q.DeadByCode == nil) {
			errs = append(errs, fmt.Errorf("ACL: something is unknown of %+v", q))
		}
	}
	return errors.Join(errs...)
}

// event is a message of this library.
func event(id int, sent time.Time) string {
	return fmt.Sprintf(`{"data": {}, "signals": ["x", "remote_event", "event"], "metadata": {"id": "%d", "time": %q}}`, id, sent.Format(time.RFC3339Nano))
}

// TestObserve checks each value of a queue with messages of all states.
func TestObserve(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ctx := t.Context()
		q := open(t, client, "x")
		keys := q.CompanionKeys()
		now := time.Now().Truncate(time.Millisecond)
		sent := now.Add(-time.Hour)
		at := func(d time.Duration) float64 { return float64(now.Add(d).UnixMilli()) }
		claim := func(age time.Duration, rest string) string {
			return fmt.Sprintf("%016d-%s", now.Add(-age).UnixMicro(), rest)
		}
		o := observer(t, client)
		empty := observed(t, o, "x")
		if empty.Err != nil || empty.Stats != (queueadmin.Stats{}) || empty.Bytes == nil || *empty.Bytes != 0 || !empty.Next.Sent.IsZero() || empty.Next.Bytes != nil ||
			empty.Leases != nil || !empty.RetryDue.IsZero() || empty.DeadByCode != nil || empty.Change != nil {
			t.Errorf("without messages: %+v", empty)
		}
		for i := range 3 {
			must(t, client.LPush(ctx, "x", event(i, sent.Add(time.Duration(i)*time.Minute))).Err())
		}
		held, retried := claim(time.Minute, "t-2"), claim(time.Hour, "t-1-1001")
		must(t, errors.Join(
			client.HSet(ctx, keys["bodies"], held+"-1001", "a", held+"-1002", "b", retried, "c", "1-t-1-1001", "d", "2-t-1-1001", "e").Err(),
			client.ZAdd(ctx, keys["claims"], redis.Z{Member: held, Score: at(time.Minute)}, redis.Z{Member: retried + "/t", Score: at(-time.Second)}).Err(),
			client.HSet(ctx, keys["bodies"], claim(2*time.Hour, "t-1-1001"), "f").Err(),
			client.ZAdd(ctx, keys["suspects"], redis.Z{Member: claim(2*time.Hour, "t-1-1001"), Score: at(-time.Minute)}).Err(),
			client.ZAdd(ctx, keys["dead"], redis.Z{Member: "1-t-1-1001", Score: at(-time.Hour)}, redis.Z{Member: "2-t-1-1001", Score: at(-time.Minute)}).Err(),
			client.HSet(ctx, keys["reasons"], "1-t-1-1001", `{"code": "schema"}`).Err(),
		))
		got := observed(t, o, "x")
		if want := (queueadmin.Stats{Queued: 3, Leased: 3, Retrying: 1, Dead: 2}); got.Stats != want || got.Err != nil {
			t.Errorf("counted %+v, want %+v (%v)", got.Stats, want, got.Err)
		}
		if got.Bytes == nil || *got.Bytes < 300 {
			t.Errorf("bytes: %v", got.Bytes)
		}
		if !got.Next.Sent.Equal(sent) || got.Next.Bytes == nil || *got.Next.Bytes != int64(len(event(0, sent))) || got.Next.Since.IsZero() {
			t.Errorf("next: %+v, want one of %v", got.Next, sent)
		}
		if len(got.Leases) != 2 || !got.Leases[0].Retry || got.Leases[0].Expires.After(got.At) || got.Leases[1].Claimed != 2 ||
			!got.Leases[1].Since.Equal(now.Add(-time.Minute)) || !got.Leases[1].Expires.Equal(now.Add(time.Minute)) {
			t.Errorf("leases: %+v", got.Leases)
		}
		if !got.RetryDue.Equal(now.Add(-time.Minute)) || !got.RetryingSince.Equal(now.Add(-2*time.Hour)) {
			t.Errorf("retries: %v, %v", got.RetryDue, got.RetryingSince)
		}
		if want := map[queueadmin.Code]int64{"schema": 1, "": 1}; !maps.Equal(got.DeadByCode, want) {
			t.Errorf("dead: %v", got.DeadByCode)
		}
		if got.Change == nil || got.Change.Queued <= 0 || got.Change.Dead <= 0 || got.Change.In != nil {
			t.Errorf("change: %+v", got.Change)
		}
		// An original's message tells no time, and staged messages are next.
		must(t, client.LPush(ctx, keys["staging"], `{"data": {}, "signals": ["x"]}`).Err())
		again := observed(t, o, "x")
		if again.Stats.Staged != 1 || !again.Next.Sent.IsZero() || again.Next.Bytes == nil || !again.Next.Since.After(got.Next.Since) {
			t.Errorf("next: %+v", again.Next)
		}
		if later := observed(t, o, "x"); !later.Next.Since.Equal(again.Next.Since) {
			t.Errorf("the same message is next since %v, and not since %v", later.Next.Since, again.Next.Since)
		}
	})
}

// TestObserveRates checks the rates of a queue that tells them.
func TestObserveRates(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		ctx := t.Context()
		o := observer(t, client)
		for i := range 10 {
			must(t, client.LPush(ctx, "x", event(i, time.Now())).Err())
		}
		observed(t, o, "x")
		for i := range 6 {
			must(t, client.LPush(ctx, "x", event(100+i, time.Now())).Err())
		}
		must(t, client.RPopCount(ctx, "x", 8).Err())
		got := observed(t, o, "x").Change
		near := func(rate *float64, want int) bool {
			return rate != nil && *rate*got.Interval.Seconds() > float64(want)-0.1 && *rate*got.Interval.Seconds() < float64(want)+0.1
		}
		if !near(got.In, 6) || !near(got.Out, 8) || !near(&got.Queued, -2) {
			t.Errorf("got %+v", got)
		}
		// The newest message is gone.
		must(t, client.RPopCount(ctx, "x", 8).Err())
		must(t, client.LPush(ctx, "x", `{"data": {}, "signals": ["x"]}`).Err())
		if got := observed(t, o, "x").Change; got.In != nil || got.Out != nil {
			t.Errorf("got %+v", got)
		}
		// An original's message may be equal to others.
		must(t, client.LPush(ctx, "x", `{"data": {}, "signals": ["x"]}`).Err())
		if got := observed(t, o, "x").Change; got.In != nil || got.Queued <= 0 {
			t.Errorf("got %+v", got)
		}
	})
}

// TestObserveUnreadableQueues checks that queues that cannot be read hide no others, and
// that what the user may not read is unknown.
func TestObserveUnreadableQueues(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr})
	defer client.Close()
	ctx := t.Context()
	good := open(t, client, "good")
	must(t, errors.Join(
		client.Set(ctx, "text", "s3cret", 0).Err(), client.LPush(ctx, "good", event(1, time.Now())).Err(), client.LPush(ctx, "companion", "x").Err(),
		client.Set(ctx, open(t, client, "companion").CompanionKeys()["dead"], "s3cret", 0).Err(),
		client.ZAdd(ctx, good.CompanionKeys()["dead"], redis.Z{Member: "1-t-1-1001"}).Err(),
		client.HSet(ctx, good.CompanionKeys()["bodies"], "1-t-1-1001", "x").Err(),
		client.Do(ctx, "ACL", "SETUSER", "anna", "on", ">s3cret", "~good", "~remote-event:v1:{good}:*", "+llen", "+hlen", "+zcard").Err(),
	))
	s, err := observer(t, client).Observe(ctx, "text", "good", "companion")
	must(t, err)
	for _, q := range s.Queues {
		wrong := q.Err != nil && strings.Contains(q.Err.Error(), "WRONGTYPE") && strings.Contains(q.Err.Error(), fmt.Sprintf("observe queue %q", q.Queue))
		if wrong != (q.Queue != "good") || q.Err != nil && strings.Contains(q.Err.Error(), "s3cret") {
			t.Errorf("%s: %v", q.Queue, q.Err)
		}
	}
	if q := s.Queues[1]; q.Stats.Queued != 1 || q.Stats.Dead != 1 || !q.ReceiversKnown || q.Bytes == nil {
		t.Errorf("got %+v", q)
	}
	if server := s.Servers[0]; server.Err != nil || server.Role != "primary" || server.Version == "" || server.Eviction != "noeviction" ||
		server.UsedMemory == nil || *server.UsedMemory == 0 || server.MaxMemory == nil || server.Waiting == nil || server.Addr != client.Options().Addr {
		t.Errorf("server: %+v", server)
	}
	anna := redis.NewClient(&redis.Options{Addr: client.Options().Addr, Username: "anna", Password: "s3cret"})
	defer anna.Close()
	s, err = observer(t, anna).Observe(ctx, "text", "good")
	must(t, err)
	if q := s.Queues[0]; q.Err == nil || !strings.Contains(q.Err.Error(), "NOPERM") {
		t.Errorf("got %+v", q)
	}
	if q := s.Queues[1]; q.Err != nil || q.Stats.Queued != 1 || q.Bytes != nil || q.ReceiversKnown || q.DeadByCode != nil || q.Next.Bytes != nil {
		t.Errorf("got %+v", q)
	}
	if server := s.Servers[0]; server.Err == nil || server.Waiting != nil {
		t.Errorf("got %+v", server)
	}
	if _, err := observer(t, client).Observe(ctx, "remote-event:v1:x"); !errors.Is(err, queueadmin.ErrReserved) {
		t.Errorf("got %v", err)
	}
	if _, err := queueadmin.NewObserver(nil); err == nil {
		t.Error("an observer without a client")
	}
}

// TestObserveLongMessages checks that no long message is read for its age.
func TestObserveLongMessages(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr})
	defer client.Close()
	long := strings.Repeat("x", 3<<20)
	must(t, client.LPush(t.Context(), "x", long, long).Err())
	must(t, client.LPush(t.Context(), open(t, client, "y").CompanionKeys()["staging"], long).Err())
	must(t, client.LPush(t.Context(), "y", "short").Err())
	must(t, client.RPush(t.Context(), "z", strings.Repeat("x", 1<<19), long).Err())
	must(t, client.RPush(t.Context(), "z", long).Err())
	must(t, client.LPush(t.Context(), "z", "", "", "", "", "", "", "", "", "").Err()) // the mean is short
	must(t, client.ConfigResetStat(t.Context()).Err())
	o := observer(t, client)
	for range 3 {
		s, err := o.Observe(t.Context(), "x", "y", "z")
		must(t, err)
		for i, q := range s.Queues {
			if q.Err != nil || q.Stats.Queued == 0 || *q.Bytes < 3<<20 || i < 2 && q.Next.Bytes != nil {
				t.Errorf("got %+v", q)
			}
		}
	}
	// Only the next message of z is read, and once.
	if used := client.Info(t.Context(), "commandstats").Val(); !strings.Contains(used, "cmdstat_lrange:calls=1,") && !strings.Contains(used, "cmdstat_lrange:calls=4,") {
		t.Errorf("LRANGE: %s", used)
	}
}

// TestObserveReceivers checks that running receivers are seen whether they wait or work, and
// others only by their number.
func TestObserveReceivers(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: redistest.Start(t, redistest.FreeAddr(t)).Addr, ClientName: "uploads"})
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	mux, err := remoteevent.NewMux()
	must(t, err)
	working, end := make(chan struct{}), make(chan struct{})
	must(t, mux.Listen("work", func(context.Context, *remoteevent.Delivery) error {
		close(working)
		<-end
		return nil
	}))
	ended := make(chan error, 3)
	for range 2 {
		r, err := remoteevent.NewReceiver(client, mux, remoteevent.WithQueues("work", "other"), remoteevent.WithLogger(slog.New(slog.DiscardHandler)))
		must(t, err)
		go func() { ended <- r.Run(ctx) }()
	}
	go func() { ended <- client.BRPop(ctx, 0, "original").Err() }()
	must(t, client.LPush(ctx, "work", `{"data": {}, "signals": ["work"]}`).Err())
	<-working
	o := observer(t, client)
	for limit := time.Now().Add(20 * time.Second); ; {
		s, err := o.Observe(ctx, "work", "other", "original")
		must(t, err)
		work, other, original := s.Queues[0], s.Queues[1], s.Queues[2]
		if len(work.Receivers) == 2 && len(other.Receivers) == 2 && other.Receivers[0].Waiting && other.Receivers[1].Waiting && *s.Servers[0].Waiting == 1 {
			if !original.ReceiversKnown || len(original.Receivers) != 0 || other.Receivers[0].Name != "uploads" || len(work.Leases) != 1 || work.Leases[0].Claimed != 1 {
				t.Errorf("got %+v", s)
			}
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("got %+v", s)
		}
	}
	close(end)
	must(t, client.LPush(t.Context(), "original", "x").Err())
	cancel()
	for range 3 {
		must(t, <-ended)
	}
	if after := observed(t, o, "work"); len(after.Receivers) != 0 || !after.ReceiversKnown {
		t.Errorf("after the receivers stopped: %+v", after)
	}
}

// TestObserveCluster checks that the queues of all nodes are observed, and that a node that
// is gone hides no other.
func TestObserveCluster(t *testing.T) {
	t.Parallel()
	addrs := redistest.StartCluster(t, 3)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs[:1]})
	defer func() { _ = client.Close() }()
	var names []string
	for i := range 120 { // more than one page
		names = append(names, fmt.Sprint("q", i))
		must(t, client.LPush(t.Context(), names[i], event(i, time.Now())).Err())
	}
	s, err := observer(t, client).Observe(t.Context(), names...)
	must(t, err)
	if len(s.Servers) != 3 || len(s.Queues) != len(names) {
		t.Errorf("%d servers, %d queues", len(s.Servers), len(s.Queues))
	}
	for i, q := range s.Queues {
		if q.Queue != names[i] || q.Err != nil || q.Stats.Queued != 1 || q.Next.Sent.IsZero() || q.Bytes == nil || !q.ReceiversKnown {
			t.Errorf("got %+v", q)
		}
	}
}

func ExampleObserver() {
	client, stop := embedded()
	defer stop()
	ctx := context.Background()
	client.LPush(ctx, "new_file_event", `{"data": {"path": "/uploads/video1.mp4"}, "signals": ["new_file_event"]}`)

	observer, err := queueadmin.NewObserver(client)
	if err != nil {
		panic(err)
	}
	snapshot, err := observer.Observe(ctx, "new_file_event", "file_event")
	if err != nil {
		panic(err)
	}
	for _, queue := range snapshot.Queues {
		if queue.Err != nil {
			fmt.Println(queue.Err)
			continue
		}
		fmt.Printf("%s: %d queued, next sent %v ago\n", queue.Queue, queue.Stats.Queued, ageOf(queue))
	}
	// Output:
	// new_file_event: 1 queued, next sent an unknown time ago
	// file_event: 0 queued, next sent an unknown time ago
}

func ageOf(queue queueadmin.QueueInfo) string {
	if queue.Next.Sent.IsZero() {
		return "an unknown time"
	}
	return queue.At.Sub(queue.Next.Sent).String()
}
