package engine

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/remote-events/remote-events/compat/internal/report"
)

// The most that a trace holds: of one line, and of lines.
const (
	maxTraceData  = 2048
	maxTraceSteps = 200
)

// trace records what is done and seen while a case is played. It may be used
// concurrently.
type trace struct {
	mu      sync.Mutex
	began   time.Time
	steps   []report.Step
	dropped int
}

// begin forgets what was recorded: another case begins.
func (t *trace) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began, t.steps, t.dropped = time.Now(), nil, 0
}

func (t *trace) add(who, what string, data []byte) {
	text := Text(data, maxTraceData)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.steps) >= maxTraceSteps {
		t.dropped++
		return
	}
	t.steps = append(t.steps, report.Step{Seconds: seconds(time.Since(t.began)), Who: who, What: what, Data: text})
}

// taken is what was recorded since the case began, and how long that took.
func (t *trace) taken() ([]report.Step, float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	steps := t.steps
	if t.dropped > 0 {
		steps = append(steps, report.Step{Seconds: seconds(time.Since(t.began)), Who: "harness", What: "leaves out", Data: fmt.Sprintf("%d further steps", t.dropped)})
	}
	return steps, seconds(time.Since(t.began))
}

// of is what a process is started with to have its lines recorded.
func (t *trace) of(who string) func(direction string, line []byte) {
	return func(direction string, line []byte) { t.add(who, direction+" adapter", line) }
}

func seconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e6 }

// Text is bytes as a report has them: what is no UTF-8 is escaped as \xNN, and
// what is longer than most is cut.
func Text(data []byte, most int) string {
	cut := ""
	if len(data) > most {
		cut = fmt.Sprintf("… (%d bytes)", len(data))
		data = data[:most]
		for i := 1; i < utf8.UTFMax && len(data) > 0; i++ { // not through a character
			if r, size := utf8.DecodeLastRune(data); r != utf8.RuneError || size != 1 {
				break
			}
			data = data[:len(data)-1]
		}
	}
	if utf8.Valid(data) {
		return string(data) + cut
	}
	var b strings.Builder
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, data[0])
		} else {
			b.Write(data[:size])
		}
		data = data[size:]
	}
	return b.String() + cut
}
