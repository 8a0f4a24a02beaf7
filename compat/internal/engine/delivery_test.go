package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"

	"github.com/remote-events/remote-events/compat/internal/report"
	"github.com/remote-events/remote-events/compat/internal/suite"
	"github.com/remote-events/remote-events/spec"
)

// TestHeldMessages checks that neither the deliveries of a run nor its results hold the
// messages, of which some have 64 MiB. A delivery has its message when it is delivered.
//
//nolint:paralleltest // It measures the heap.
func TestHeldMessages(t *testing.T) {
	const length, count = 4 << 20, 8
	var long spec.RawMessage
	if err := json.Unmarshal(fmt.Appendf(nil, `["{\"data\": {\"a\": \"", {"repeat": "x", "times": %d}, "\"}, \"signals\": [\"e\", \"remote_event\", \"event\"]}"]`, length), &long); err != nil {
		t.Fatal(err)
	}
	r := &run{}
	for i := range count {
		r.cases = append(r.cases, suite.Case{ID: fmt.Sprintf("limits/%d", i), Delivery: &suite.Delivery{Key: "e", Message: long, Verdict: "tolerated", Legacy: "delivers"}})
	}
	before := heap()
	deliveries := r.receiveCases("")
	var results []report.Result
	for _, d := range deliveries {
		d = d.whole()
		if !d.c.Delivery.Message.Equal(d.message) || len(d.message) != d.length || len(d.want.payload) < length || !bytes.Contains(d.message, d.want.payload) {
			t.Errorf("%s: a message of %d bytes and a payload of %d, want a message of %d", d.c.ID, len(d.message), len(d.want.payload), d.length)
		}
		results = append(results, r.complete(report.Result{Case: d.c.ID}, d.message, &trace{}))
	}
	if held := heap() - before; held > length {
		t.Errorf("%d deliveries and %d results hold %d bytes, want at most %d", len(deliveries), len(results), held, length)
	}
	if len(deliveries) != count {
		t.Errorf("%d deliveries, want %d", len(deliveries), count)
	}
	runtime.KeepAlive(deliveries)
	runtime.KeepAlive(results)
}

// heap returns the number of bytes that are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
