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

// The most that a trace holds: of one line, and of lines at its beginning and
// its end; and those of a trace that is shortened, of processes and of the
// harness.
const (
	maxTraceData  = 2048
	maxTraceBegin = 100
	maxTraceEnd   = 100

	shortTraceData  = 200
	shortTraceBegin = 10
	shortTraceEnd   = 3
	shortTraceOwn   = 50
)

// trace records what is done and seen while a case is played. It may be used
// concurrently.
type trace struct {
	mu    sync.Mutex
	began time.Time
	steps []report.Step // the first, and as a ring the last
	added int
}

// begin forgets what was recorded: another case begins.
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

// taken is what was recorded since the case began, shortened where nobody is
// likely to read it, and how long the case took.
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

// shortened are the first and the last lines of processes, and what the harness
// did, with the beginning of its data; and where the first step is missing.
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
			step.Data = Text([]byte(step.Data), shortTraceData)
			kept = append(kept, step)
		} else {
			missing = min(missing, i)
		}
	}
	return kept, missing
}

// isOwn reports whether a step is the harness' own, in Redis or elsewhere.
func isOwn(step report.Step) bool { return step.Who == "harness" || step.Who == "redis" }

// of is what a process is started with to have its lines recorded.
func (t *trace) of(who string) func(direction string, line []byte) {
	return func(direction string, line []byte) {
		if direction != report.Stderr {
			direction += " adapter"
		}
		t.add(who, direction, line)
	}
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
