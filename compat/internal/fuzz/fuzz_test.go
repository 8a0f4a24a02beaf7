package fuzz_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/santhosh-tekuri/jsonschema/v5"
	"go.uber.org/goleak"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/fuzz"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/go/wire"
	"github.com/remote-events/remote-events/schemas"
	"github.com/remote-events/remote-events/spec"
)

// TestMain lets the test binary run as the adapter of a receiver that decodes with
// encoding/json.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "naive" {
		if err := naive(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// naive runs an adapter. It receives only from the first queue, which suffices because it
// does not end.
func naive(ctx context.Context) error {
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var request struct {
			Op     string
			ID     int
			Queues []string
		}
		if err := json.Unmarshal(lines.Bytes(), &request); err != nil {
			return err
		}
		switch request.Op {
		case "hello":
			err = out.Encode(map[string]any{"op": "hello", "protocol": 1, "name": "naive", "classes": []string{"receiver"}})
		case "receive":
			err = out.Encode(map[string]any{"op": "ready", "id": request.ID})
			go func() {
				for {
					popped, err := client.BRPop(ctx, 0, request.Queues[0]).Result()
					if err != nil {
						return
					}
					if event := naiveEvent(popped[1]); event != nil {
						_ = out.Encode(event)
					}
				}
			}()
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

func naiveEvent(text string) map[string]any {
	var message struct {
		Data    map[string]any
		Signals []string
	}
	if err := json.Unmarshal([]byte(text), &message); err != nil || message.Data == nil || !slices.Contains(message.Signals, "e") {
		return nil
	}
	payload, err := json.Marshal(message.Data)
	if err != nil {
		return nil
	}
	return map[string]any{"op": "event", "signal": "e", "event_name": "e", "signals": message.Signals, "payload_text": string(payload)}
}

// TestFindsWhatIsWrong fuzzes the naive receiver twice. Equal seeds must yield equal
// findings, each of them as a short vector.
func TestFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes many seconds")
	}
	server, err := redisserver.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for range 2 {
		f := fuzz.Fuzzer{RedisURL: server.URL(), Redis: server.String(), Cases: 60, Seed: 3, Workers: 2, Subjects: []engine.Implementation{engine.Command("", false, self, "naive")}}
		summary, err := f.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var text, vectors bytes.Buffer
		if err := errors.Join(summary.WriteText(&text), summary.WriteVectors(&vectors)); err != nil {
			t.Fatal(err)
		}
		if s := summary.Subjects[0]; !summary.Disagree() || s.Disagreements < len(summary.Disagreements) || s.Cases != f.Cases || !strings.Contains(text.String(), "naive: 60 of 60 messages") {
			t.Errorf("%s", text.String())
		}
		kinds := map[string]bool{}
		for _, d := range summary.Disagreements {
			kinds[d.Kind] = true
		}
		for _, kind := range []string{"delivers predicted, drops observed", "other signals", "another payload"} {
			if !kinds[kind] {
				t.Errorf("no finding of the kind %q:\n%s", kind, text.String())
			}
		}
		checkVectors(t, vectors.Bytes())
		found = append(found, vectors.String())
	}
	if found[0] != found[1] {
		t.Errorf("equal seeds yield different findings:\n%s\n%s", found[0], found[1])
	}
}

// checkVectors validates a file of vectors with its schema, and checks each vector with the
// library.
func checkVectors(t *testing.T, text []byte) {
	t.Helper()
	schema, err := schemas.Files.ReadFile("vectors.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := jsonschema.CompileString("https://remote-events.github.io/schemas/v1/vectors.schema.json", string(schema))
	if err != nil {
		t.Fatal(err)
	}
	var document any
	var file struct{ Cases []spec.MessageVector }
	if err := errors.Join(json.Unmarshal(text, &document), json.Unmarshal(text, &file)); err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(document); err != nil {
		t.Error(err)
	}
	for _, v := range file.Cases {
		report := wire.InspectFrom(v.Key, v.Message.Bytes(), wire.Limits{})
		named := map[string]bool{} // what every validator names (VERDICT-2)
		for _, f := range report.Findings {
			if report.Verdict != wire.Malformed || f.Severity == wire.SeverityMalformed {
				named[string(f.Requirement)] = true
			}
		}
		for _, id := range v.Findings {
			if !named[id] {
				t.Errorf("%s: a conforming validator need not name %s", v.ID, id)
			}
		}
		if string(report.Verdict) != v.Verdict || string(report.Legacy) != v.Legacy || len(named) != len(v.Findings) {
			t.Errorf("%s: %+v", v.ID, report)
		}
		long := slices.ContainsFunc(v.Findings, func(id string) bool { return id == "JSON-6" || id == "JSON-7" || id == "LIMIT-1" })
		if v.Message.Len() > 120 && !long {
			t.Errorf("%s is not minimised: %s", v.ID, v.Message)
		}
	}
}

// TestMessages checks that a message depends only on seed and number, and that every
// combination of verdicts occurs.
func TestMessages(t *testing.T) {
	t.Parallel()
	one, err := fuzz.NewGenerator(1)
	if err != nil {
		t.Fatal(err)
	}
	two, err := fuzz.NewGenerator(2)
	if err != nil {
		t.Fatal(err)
	}
	const many = 3000
	same := 0
	sorts, findings := map[string]int{}, map[wire.Requirement]int{}
	for n := range many {
		message := one.Message(n)
		if !bytes.Equal(message, one.Message(n)) {
			t.Errorf("message %d differs between calls", n)
		}
		if bytes.Equal(message, two.Message(n)) {
			same++
		}
		report := wire.InspectFrom("e", message, wire.Limits{})
		sorts[string(report.Verdict)+", "+string(report.Legacy)]++
		for _, f := range report.Findings {
			findings[f.Requirement]++
		}
	}
	if same > many/20 {
		t.Errorf("%d of %d messages are equal for another seed", same, many)
	}
	for _, sort := range []string{"safe, delivers", "tolerated, delivers", "tolerated, drops", "tolerated, dies", "malformed, delivers", "malformed, drops", "malformed, dies"} {
		if sorts[sort] < many/300 {
			t.Errorf("%d of %d messages are %s", sorts[sort], many, sort)
		}
	}
	for _, group := range []string{"JSON-1", "JSON-2", "JSON-3", "JSON-4", "JSON-5", "JSON-6", "JSON-7", "JSON-8", "JSON-9", "WIRE-1", "WIRE-2", "WIRE-3", "WIRE-4", "WIRE-5", "SIG-1", "SIG-2", "SIG-3", "SIG-4", "META-1", "META-2", "META-3", "META-4", "META-5", "LIMIT-1", "LIMIT-4"} {
		if findings[wire.Requirement(group)] == 0 {
			t.Errorf("no message violates %s", group)
		}
	}
}
