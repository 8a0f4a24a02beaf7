package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/remote-events/remote-events/compat/internal/engine"
)

// progress shows the progress of a run in one line on a terminal. Elsewhere it shows
// nothing.
type progress struct {
	out   io.Writer // nil if nothing is shown
	width int
	began time.Time

	mu   sync.Mutex
	last time.Time
}

// wipe clears the line.
const wipe = "\r\x1b[K"

func newProgress(out io.Writer) *progress {
	p := &progress{began: time.Now()}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.out = file
		p.width, _, _ = term.GetSize(int(file.Fd()))
	}
	return p
}

func (p *progress) show(state engine.Progress) {
	if p.out == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) < 100*time.Millisecond && state.Done < state.Total {
		return
	}
	p.last = time.Now()
	elapsed := time.Since(p.began).Seconds()
	rate := float64(state.Done) / max(elapsed, 0.001)
	left := float64(state.Total-state.Done) / max(rate, 0.001)
	line := fmt.Sprintf("%d/%d  %.0f/s  %.0f s left  %s", state.Done, state.Total, rate, left, state.Doing)
	if runes := []rune(line); p.width > 1 && len(runes) >= p.width {
		line = string(runes[:p.width-1])
	}
	fmt.Fprint(p.out, wipe+line)
}

func (p *progress) clear() {
	if p.out != nil {
		fmt.Fprint(p.out, wipe)
	}
}
