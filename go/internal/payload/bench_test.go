package payload_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/internal/payload"
	"github.com/remote-events/remote-events/go/wire"
)

type line struct {
	SKU      string   `json:"sku"`
	Quantity int      `json:"quantity"`
	Price    float64  `json:"price"`
	Tags     []string `json:"tags"`
}

type order struct {
	Path  string `json:"path"`
	Size  int    `json:"size"`
	Lines []line `json:"lines,omitempty"`
	Text  string `json:"text,omitempty"`
}

// messages are what the benchmarks decode: a small event, as the library sends it
// with its metadata; 16 KiB of small values; and 16 KiB of text.
func messages(b *testing.B) map[string][]byte {
	b.Helper()
	records := order{Path: "/uploads/video1.mp4"}
	for i := range 165 {
		records.Lines = append(records.Lines, line{fmt.Sprintf("sku-%06d", i), i, float64(i) * 1.1, []string{"a tag", "another tag"}})
	}
	made := map[string][]byte{}
	for name, event := range map[string]order{
		"small": {Path: "/uploads/video1.mp4", Size: 104857600}, "records": records, "text": {Text: strings.Repeat("All work and no play. ", 740)},
	} {
		text, err := json.Marshal(event)
		if err != nil {
			b.Fatal(err)
		}
		raw, _, err := wire.Encode(wire.Envelope{EventName: "new_file_event", Payload: text, Metadata: wire.Metadata{
			Signals:    wire.Chain("new_file_event", "file_event"),
			Attributes: map[string]string{"id": "0199f0c4-7b1e-7c3a-9d52-3f6f0d1f4a55", "time": "2026-11-25T16:00:00.123456789Z"},
		}}, wire.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		made[name] = raw
	}
	return made
}

// BenchmarkReceived decodes whole messages, with encoding/json for comparison.
func BenchmarkReceived(b *testing.B) {
	run := func(name string, raw []byte, decode func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for size, raw := range messages(b) {
		run(size+"/scan", raw, func() error {
			_, err := wire.Scan(raw, wire.Limits{})
			return err
		})
		run(size+"/envelope", raw, func() error {
			_, err := wire.Decode(raw, wire.Limits{})
			return err
		})
		run(size+"/typed", raw, func() error {
			message, err := wire.Scan(raw, wire.Limits{})
			if err != nil {
				return err
			}
			return payload.Decode(message.Payload(), new(order))
		})
		run(size+"/generic", raw, func() error {
			message, err := wire.Scan(raw, wire.Limits{})
			if err != nil {
				return err
			}
			return payload.Decode(message.Payload(), new(map[string]any))
		})
		run(size+"/typed-by-encoding-json", raw, func() error {
			return json.Unmarshal(raw, new(struct{ Data order }))
		})
		run(size+"/generic-by-encoding-json", raw, func() error {
			return json.Unmarshal(raw, new(struct{ Data map[string]any }))
		})
	}
}
