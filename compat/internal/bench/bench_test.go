package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
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

// neededNames returns the names of the cases that the goals need.
func neededNames() map[string]bool {
	names := map[string]bool{}
	for _, goal := range Goals() {
		for _, name := range []string{goal.Of, goal.To} {
			if name != "" {
				names[name] = true
			}
		}
	}
	return names
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

func TestGoalsNameCases(t *testing.T) {
	for name := range neededNames() {
		if _, err := Select(Cases(), false, name); err != nil {
			t.Error(err)
		}
	}
}

// measured returns a report with figures for every goal. The figures of the library are
// those of its peers multiplied by times.
func measured(times float64) Report {
	var measurements []Measurement
	for _, c := range Cases() {
		factor := 1.0
		if strings.HasPrefix(c.Participant, "library") {
			factor = times
		}
		m := Measurement{Workload: c.Workload.Name, Size: c.Size.Name, Participant: c.Participant}
		for _, noise := range []float64{1, 3, 2} { // equal for all cases of a round
			m.Samples = append(m.Samples, Sample{
				PerSecond: 1000 * factor * noise, P50: 100 * noise / factor, P99: 200 * noise / factor,
				Resident: 10 * noise / factor, CommandTime: 15 / factor, Connections: 100 / factor, Allocations: 40 / factor,
			})
		}
		measurements = append(measurements, m)
	}
	return NewReport(Config{Rounds: 3, Seed: 5}, measurements, time.Now())
}

func TestGoals(t *testing.T) {
	for _, reached := range measured(50).Goals {
		if reached.Value == nil || !reached.Met {
			t.Errorf("at 50 times the speed: %+v", reached)
		}
	}
	for _, reached := range measured(0.5).Goals {
		if reached.Value == nil {
			t.Errorf("not measured: %+v", reached)
		} else if reached.Met != (reached.What == "SendBatch of 1,000, relative to go-redis variadic LPUSH") {
			t.Errorf("at half the speed: %+v", reached)
		}
		if reached.What == "Send, 1 goroutine, relative to go-redis LPUSH" && *reached.Value != (Spread{0.5, 0.5, 0.5}) {
			t.Errorf("the ratio is not one of a round: %+v", reached)
		}
	}
	for _, reached := range NewReport(Config{}, nil, time.Now()).Goals {
		if reached.Value != nil || reached.Met {
			t.Errorf("without measurements: %+v", reached)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Spread
	}{
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{5, 1, 2}, Spread{2, 1, 5}},
		{[]float64{4, 1, 2, 10}, Spread{3, 1, 10}},
	} {
		if got, ok := spread(c.values); !ok || got != c.want {
			t.Errorf("%v: %v", c.values, got)
		}
	}
	if _, ok := spread(nil); ok {
		t.Error("spread of no values = true")
	}
}

func TestNumber(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 7: "7", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 1234: "1,234", 1234567.8: "1,234,568", -1.5: "-1.50"} {
		if got := number(value); got != want {
			t.Errorf("number(%g) = %s", value, got)
		}
	}
}

// TestFormats writes a report in every format. The last lines are the goals.
func TestFormats(t *testing.T) {
	report := measured(2)
	report.Measurements[0].Samples, report.Measurements[0].Problem = []Sample{nil, nil, nil}, "broken pipe"
	report.Goals = Compare(report.Measurements)
	var text, markdown bytes.Buffer
	if err := errors.Join(report.WriteText(&text), report.WriteMarkdown(&markdown)); err != nil {
		t.Fatal(err)
	}
	for format, output := range map[string]string{"text": text.String(), "markdown": markdown.String()} {
		lines := strings.Split(strings.TrimRight(output, "\n"), "\n")
		goals := Goals() // the first is not measured
		for i, goal := range goals {
			if line := lines[len(lines)-len(goals)+i]; !strings.Contains(line, goal.What) || !strings.Contains(line, "me") {
				t.Errorf("%s: line %q, want the goal %q", format, line, goal.What)
			}
		}
		if !strings.Contains(output, "FAILED: send-1/100B/library: broken pipe") {
			t.Errorf("%s does not report the failure", format)
		}
	}
	encoded, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "results.json")
	if err := os.WriteFile(path, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := ReadReport(path)
	if err != nil {
		t.Fatal(err)
	}
	var same bytes.Buffer
	if err := again.WriteText(&same); err != nil || same.String() != text.String() {
		t.Errorf("ReadReport returns another report: %v", err)
	}
	testFiles(t, report, dir)
}

// testFiles checks BENCHMARKS.md and its plots.
func testFiles(t *testing.T, report Report, dir string) {
	t.Helper()
	if err := report.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(filepath.Join(dir, "BENCHMARKS.md"))
	if err != nil {
		t.Fatal(err)
	}
	pictures, err := os.ReadDir(filepath.Join(dir, picturesDirectory))
	if err != nil || len(pictures) < 20 {
		t.Fatalf("%d plots, %v", len(pictures), err)
	}
	for _, picture := range pictures {
		if !bytes.Contains(document, []byte("("+picturesDirectory+"/"+picture.Name()+")")) {
			t.Errorf("BENCHMARKS.md does not show %s", picture.Name())
		}
		svg, err := os.ReadFile(filepath.Join(dir, picturesDirectory, picture.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(svg, []byte(">library")) || bytes.Contains(svg, []byte("NaN")) {
			t.Errorf("%s does not show the library", picture.Name())
		}
		for decoder := xml.NewDecoder(bytes.NewReader(svg)); ; {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", picture.Name(), err)
			}
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
