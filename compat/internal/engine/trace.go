package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/remote-events/remote-events/compat/internal/report"
)

// The limits of a trace are the bytes of a line and the numbers of lines at its beginning
// and at its end. A shortened trace has separate limits for the lines of processes and for
// the lines of the harness.
const (
	maxTraceData  = 2048
	maxTraceBegin = 100
	maxTraceEnd   = 100

	shortTraceData  = 200
	shortTraceBegin = 10
	shortTraceEnd   = 3
	shortTraceOwn   = 50
)

// trace records the lines of a running case. Its methods may be called concurrently.
type trace struct {
	mu    sync.Mutex
	began time.Time
	steps []report.Step // the first, and as a ring the last
	added int
}

// begin removes the lines of the case before.
func (t *trace) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began, t.steps, t.added = time.Now(), nil, 0
}

func (t *trace) add(who, what string, data []byte) {
	text := Text(data, maxTraceData)
	t.mu.Lock()
	defer t.mu.Unlock()
	step := report.Step{Seconds: seconds(time.Since(t.began)), Who: who, What: what, Data: text}
	if len(t.steps) < maxTraceBegin+maxTraceEnd {
		t.steps = append(t.steps, step)
	} else {
		t.steps[maxTraceBegin+(t.added-maxTraceBegin)%maxTraceEnd] = step
	}
	t.added++
}

// taken returns the lines of the case, shortened if short, and the duration of the case.
func (t *trace) taken(short bool) ([]report.Step, float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	steps, at, skipped := slices.Clone(t.steps), maxTraceBegin, t.added-len(t.steps)
	if skipped > 0 {
		oldest := maxTraceBegin + (t.added-maxTraceBegin)%maxTraceEnd
		steps = slices.Concat(steps[:maxTraceBegin], steps[oldest:], steps[maxTraceBegin:oldest])
	}
	if short {
		whole := len(steps)
		steps, at = shortened(steps)
		skipped += whole - len(steps)
	}
	if skipped > 0 {
		at = min(at, len(steps)-1)
		steps = slices.Insert(steps, at, report.Step{Seconds: steps[at].Seconds, Who: "harness", What: "skips", Data: fmt.Sprintf("%d steps", skipped)})
	}
	return steps, seconds(time.Since(t.began))
}

// shortened returns the first and the last lines of processes and those of the harness,
// with the beginning of their data, and the index of the first missing step.
func shortened(steps []report.Step) (kept []report.Step, missing int) {
	lines, own := 0, 0
	for _, step := range steps {
		if !isOwn(step) {
			lines++
		}
	}
	missing = len(steps)
	line := 0
	for i, step := range steps {
		keep := own < shortTraceOwn
		if isOwn(step) {
			own++
		} else {
			line++
			keep = line <= shortTraceBegin || line > lines-shortTraceEnd
		}
		if keep {
			step.Data = Text(step.Data, shortTraceData)
			kept = append(kept, step)
		} else {
			missing = min(missing, i)
		}
	}
	return kept, missing
}

// isOwn reports whether the harness did a step, in Redis or elsewhere.
func isOwn(step report.Step) bool { return step.Who == "harness" || step.Who == "redis" }

// of returns a function that records the lines of a process.
func (t *trace) of(who string) func(direction string, line []byte) {
	return func(direction string, line []byte) {
		if direction != report.Stderr {
			direction += " adapter"
		}
		t.add(who, direction, line)
	}
}

func seconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e6 }

// Text returns bytes in the form of a report: bytes that are not UTF-8 are escaped as \xNN,
// and the text is cut after limit bytes.
func Text[B ~[]byte | string](whole B, limit int) string {
	cut, data := "", []byte(whole[:min(len(whole), limit)])
	if len(whole) > limit {
		cut = fmt.Sprintf("… (%d bytes)", len(whole))
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
