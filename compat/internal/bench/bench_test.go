package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/go/wire"
)

// start starts a Redis for the test, and returns it with a client.
func start(t *testing.T) (*Redis, *redis.Client) {
	t.Helper()
	server, err := redisserver.Start(t.Context(), redisserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() {
		if err := errors.Join(client.Close(), server.Close()); err != nil {
			t.Error(err)
		}
	})
	return &Redis{URL: server.URL()}, client
}

// opened returns a Redis as Run passes it to cases.
func opened(t *testing.T) *Redis {
	t.Helper()
	r, _ := start(t)
	if err := r.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// stageOf returns a stage for a few messages.
func stageOf(t *testing.T, r *Redis, size Size, count int) *stage {
	t.Helper()
	made, err := newTemplate(size)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &stage{Redis: r, template: made, count: count}
}

// TestCases makes every participant except the original move a few messages. Each case
// verifies its own messages. TestVerification checks the verification. With -short, only
// small messages are moved.
func TestCases(t *testing.T) {
	t.Parallel()
	for _, one := range Cases() {
		if strings.HasPrefix(one.Participant, "original") || one.Size == Size1KiB || one.Size == Size1MiB && one.Workload != SendBatch ||
			testing.Short() && (one.Size.Bytes > Size100B.Bytes || strings.Contains(one.Name(), "1000-queues")) {
			continue
		}
		t.Run(one.Name(), func(t *testing.T) {
			t.Parallel()
			size := one.Size
			if size.Name == "" {
				size = Size100B
			}
			s := stageOf(t, opened(t), size, 60)
			sample, err := one.measure(t.Context(), s, pace{duration: 100 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if len(sample) == 0 {
				t.Error("nothing was measured")
			}
			for metric, value := range sample {
				if value < 0 && metric != CommandTime { // may be negative: a difference of two readings
					t.Errorf("%s is %g", metric, value)
				}
			}
		})
	}
}

// TestOriginalCases makes the original move a few messages.
func TestOriginalCases(t *testing.T) {
	t.Parallel()
	for _, one := range Cases() {
		if !strings.HasPrefix(one.Participant, "original") || one.Size == Size1KiB || one.Size == Size1MiB {
			continue
		}
		t.Run(one.Name(), func(t *testing.T) {
			t.Parallel()
			size := one.Size
			if size.Name == "" {
				size = Size100B
			}
			r := opened(t)
			r.LatestOriginal(os.Stderr)
			sample, err := one.measure(t.Context(), stageOf(t, r, size, 60), pace{duration: 100 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if sample[PerSecond]+sample[P50]+sample[Resident] <= 0 {
				t.Errorf("measured %v", sample)
			}
		})
	}
}

// TestSentMessages checks the messages of every sender that writes to a list: each has a
// unique number and the length of the template.
func TestSentMessages(t *testing.T) {
	r := opened(t)
	const count = 1203
	for name, open := range map[string]openSender{
		"library": librarySender, "library batches": librarySendsBatches, "go-redis": goRedisSender,
		"go-redis batches": goRedisSendsBatches, "autopipeline": autoPipelineSender, "rueidis": rueidisSender,
		"rueidis batches": rueidisSendsBatches, "resp": respSender(1), "resp pipelined": respSender(50), "resp batches": respSendsBatches,
	} {
		t.Run(name, func(t *testing.T) {
			s := stageOf(t, r, Size100B, count)
			w, err := open(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.send(t.Context(), firstMark, count), w.close()); err != nil {
				t.Fatal(err)
			}
			raws, err := r.control.LRange(t.Context(), queue, 0, -1).Result()
			if err != nil {
				t.Fatal(err)
			}
			if len(raws) != count {
				t.Fatalf("%d messages are stored", len(raws))
			}
			for i, raw := range raws {
				env, err := wire.Decode([]byte(raw), wire.Limits{})
				if err != nil {
					t.Fatal(err)
				}
				// LRANGE starts at the newest message.
				if mark := markOf(env.Payload); mark != firstMark+int64(count-1-i) || len(raw) != len(s.template.raw) {
					t.Fatalf("message %d has the number %d and %d bytes", count-1-i, mark-firstMark, len(raw))
				}
			}
		})
	}
}

func TestTemplate(t *testing.T) {
	for _, size := range Sizes() {
		made, err := newTemplate(size)
		if err != nil {
			t.Fatal(err)
		}
		if len(made.plain) != size.Bytes {
			t.Errorf("message of %s: %d bytes", size.Name, len(made.plain))
		}
		if metadata := len(made.raw) - len(made.plain); metadata <= 0 || metadata > 128 {
			t.Errorf("metadata: %d bytes at %s", metadata, size.Name)
		}
		if mark := markOf(made.marked(firstMark + 7)); mark != firstMark+7 {
			t.Errorf("mark of %s = %d", size.Name, mark)
		}
		if mark, err := byEncodingJSON(made.marked(firstMark + 7)); err != nil || mark != firstMark+7 {
			t.Errorf("decoded mark of %s = %d, %v", size.Name, mark, err)
		}
	}
	if markOf([]byte(`{"data":{}}`)) != 0 || markOf([]byte(`{"data":{"mark":`)) != 0 {
		t.Error("markOf returns a mark for a message without one")
	}
}

// TestVerification checks that receivers and senders with wrong results fail.
func TestVerification(t *testing.T) {
	r := opened(t)
	wrong := func(hand func(mark int64, received func(mark int64))) consuming {
		return consuming{receive: func(ctx context.Context, s *stage, received func(mark int64)) error {
			return brpop(bytesOnly).receive(ctx, s, func(mark int64) { hand(mark, received) })
		}}
	}
	unexpected := func(mark int64, received func(mark int64)) { received(mark + 1) }
	twice := func(mark int64, received func(mark int64)) {
		if mark != firstMark+9 {
			received(mark)
		}
		if mark == firstMark+8 {
			received(mark)
		}
	}
	for name, c := range map[string]struct {
		measure func(ctx context.Context, s *stage, p pace) (Sample, error)
		want    string
	}{
		"a message that was not sent": {measureReceive(wrong(unexpected)), "1 unexpected"},
		"one twice and one never":     {measureReceive(wrong(twice)), "1 missing and 1 received twice"},
		"a receiver that ends": {measureReceive(consuming{receive: func(context.Context, *stage, func(int64)) error {
			return errors.New("no more")
		}}), "no more"},
		"a receiver that leaves a message": {measureReceive(consuming{receive: func(ctx context.Context, s *stage, received func(mark int64)) error {
			err := brpop(bytesOnly).receive(ctx, s, received)
			return errors.Join(err, s.fill(context.WithoutCancel(ctx), queue, 1))
		}}), "1 keys remain, for example the list compat:bench"},
		"a sender that loses a message": {measureSend(1, func(ctx context.Context, s *stage, _ ...senderOption) (*sending, error) {
			w, err := goRedisSender(ctx, s)
			send := w.send
			w.send = func(ctx context.Context, mark int64, count int) error { return send(ctx, mark, max(1, count-1)) }
			return w, err
		}), "messages stored,"},
		"a sender that sends other bytes": {measureSend(1, func(ctx context.Context, s *stage, _ ...senderOption) (*sending, error) {
			w, err := goRedisSender(ctx, s)
			w.send = func(ctx context.Context, _ int64, count int) error {
				for range count {
					if err := s.control.LPush(ctx, queue, "other").Err(); err != nil {
						return err
					}
				}
				return nil
			}
			return w, err
		}), "message of 5 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.measure(t.Context(), stageOf(t, r, Size100B, 20), pace{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want %q", err, c.want)
			}
		})
	}
}

// TestRun checks that one failing and one absent participant do not affect the others.
func TestRun(t *testing.T) {
	r, client := start(t)
	cases, err := Select(Cases(), false, "send-1/100B/go-redis", "send-1/100B/resp", "latency/100B/go-redis-brpop")
	if err != nil {
		t.Fatal(err)
	}
	failing := func(err error) func(context.Context, *stage, pace) (Sample, error) {
		return func(context.Context, *stage, pace) (Sample, error) { return nil, err }
	}
	cases = append(cases,
		Case{Workload: Send1, Size: Size100B, Participant: "broken", measure: failing(errors.New("broken"))},
		Case{Workload: Send1, Size: Size100B, Participant: "infinite", measure: func(context.Context, *stage, pace) (Sample, error) {
			return Sample{PerSecond: math.Inf(1)}, nil // which JSON cannot represent
		}},
		Case{Workload: Send1, Size: Size100B, Participant: "absent", measure: failing(missing("not installed"))})
	var calls []int
	config := Config{Redis: r, Cases: cases, Rounds: 2, Seed: 1, Duration: time.Millisecond, Progress: func(done, total int, _ string) {
		calls = append(calls, done)
		if total != 3*len(cases) {
			t.Errorf("%d of %d", done, total)
		}
	}}
	measurements, err := Run(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(calls) || len(calls) != 3*len(cases) {
		t.Errorf("progress = %v", calls)
	}
	report := NewReport(config, measurements, time.Now())
	for _, m := range measurements {
		_, rate := m.Spread(PerSecond)
		_, latency := m.Spread(P99)
		wrong := slices.Contains([]string{"broken", "infinite", "absent"}, m.Participant)
		if (rate || latency) == wrong || len(m.Samples) != 2 || (m.Problem != "") != wrong || m.Skipped != (m.Participant == "absent") {
			t.Errorf("%s: %+v", m.Name(), m)
		}
	}
	if problems := report.Problems(); len(problems) != 2 || problems[0].Participant != "broken" || problems[1].Problem != "messages_per_second is +Inf" {
		t.Errorf("Problems = %+v", problems)
	}
	if _, err := json.Marshal(report); err != nil {
		t.Error(err)
	}
	if keys, err := client.Keys(t.Context(), "*").Result(); err != nil || len(keys) > 0 {
		t.Errorf("remaining keys: %q, %v", keys, err)
	}
}

// TestSharedRedis checks that a run on a shared Redis changes no foreign keys, and skips a
// peer whose keys have other names.
func TestSharedRedis(t *testing.T) {
	const own = "REMOTE_EVENT_BENCH_OWN_PROCESS"
	if os.Getenv(own) == "" { // a process caches the name of an event type
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSharedRedis$", "-test.v")
		command.Env = append(os.Environ(), own+"=1")
		output, err := command.CombinedOutput()
		if err != nil || !bytes.Contains(output, []byte("--- PASS: TestSharedRedis")) {
			t.Fatalf("%v\n%s", err, output)
		}
		return
	}
	r, client := start(t)
	if err := client.Set(t.Context(), "somebody's", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	r.Shared = true
	cases, err := Select(Cases(), false, "send-1/100B/go-redis", "send-1/100B/asynq")
	if err != nil {
		t.Fatal(err)
	}
	measurements, err := Run(t.Context(), Config{Redis: r, Cases: cases, Rounds: 1, Duration: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range measurements {
		if m.Skipped != (m.Participant == "asynq") || m.Problem != "" && !m.Skipped {
			t.Errorf("%s: %q", m.Name(), m.Problem)
		}
	}
	if keys, err := client.Keys(t.Context(), "*").Result(); err != nil || !slices.Equal(keys, []string{"somebody's"}) {
		t.Errorf("keys = %q, %v", keys, err)
	}
}

// TestInterrupted checks that an interrupted run removes its keys.
func TestInterrupted(t *testing.T) {
	r, client := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	cases := []Case{{Workload: Send1, Size: Size100B, Participant: "endless", measure: func(ctx context.Context, s *stage, _ pace) (Sample, error) {
		err := s.fill(ctx, queue, 10)
		cancel()
		<-ctx.Done()
		return nil, errors.Join(err, ctx.Err())
	}}}
	if _, err := Run(ctx, Config{Redis: r, Cases: cases, Rounds: 1, Duration: time.Millisecond}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	if keys, err := client.Keys(t.Context(), "*").Result(); err != nil || len(keys) > 0 {
		t.Errorf("remaining keys: %q, %v", keys, err)
	}
}

func TestSelect(t *testing.T) {
	all := Cases()
	names := map[string]bool{}
	for _, c := range all {
		if names[c.Name()] {
			t.Errorf("two cases have the name %s", c.Name())
		}
		names[c.Name()] = true
	}
	for _, c := range []struct {
		quick    bool
		patterns []string
		some     string
		count    int
		fails    bool
	}{
		{false, nil, "idle/original-1-queue", len(all), false},
		{true, nil, "send-1/100B/library", len(neededNames()), false},
		{false, []string{"*/original"}, "send-1/1KiB/original", 9, false},
		{true, []string{"send-1/*"}, "send-1/100B/go-redis", 2, false},
		{false, []string{"send.1/*"}, "", 0, true},
		{true, []string{"send-1/1KiB/*"}, "", 0, true},
		{false, []string{"send-1/100B/resp", "nothing"}, "", 0, true},
	} {
		selected, err := Select(all, c.quick, c.patterns...)
		if (err != nil) != c.fails || len(selected) != c.count {
			t.Errorf("%v %q: %d cases, %v", c.quick, c.patterns, len(selected), err)
		}
		if !c.fails && !slices.ContainsFunc(selected, func(s Case) bool { return s.Name() == c.some }) {
			t.Errorf("%v %q: without %s", c.quick, c.patterns, c.some)
		}
	}
}

// TestOrder checks that a round has every case once, has the cases of a goal near each
// other, and has a different order for each seed.
func TestOrder(t *testing.T) {
	cases := Cases()
	all := order(cases, rand.New(rand.NewPCG(1, 0)))
	if again := order(cases, rand.New(rand.NewPCG(1, 0))); !slices.Equal(all, again) {
		t.Error("one seed yields two orders")
	}
	if other := order(cases, rand.New(rand.NewPCG(2, 0))); slices.Equal(all, other) {
		t.Error("two seeds yield one order")
	}
	position := map[string]int{}
	for at, i := range all {
		position[cases[i].Name()] = at
	}
	if len(position) != len(cases) {
		t.Errorf("%d of %d cases", len(position), len(cases))
	}
	for _, goal := range Goals() {
		if apart := position[goal.Of] - position[goal.To]; goal.To != "" && max(apart, -apart) > 30 {
			t.Errorf("%s is %d cases apart from %s", goal.Of, apart, goal.To)
		}
	}
}

func TestMissingRedisBenchmark(t *testing.T) {
	r := opened(t)
	t.Setenv("PATH", t.TempDir())
	_, err := measureRedisBenchmark(1, 1)(t.Context(), stageOf(t, r, Size100B, 10), pace{})
	if !errors.Is(err, errNotHere) || !strings.Contains(err.Error(), "redis-tools") {
		t.Errorf("got error %v", err)
	}
}
