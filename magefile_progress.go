//go:build mage

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// progress writes what a step prints, and where a person watches, below it a line
// that tells which step runs, for how long, and how long it took the last time.
type progress struct {
	out      io.Writer
	terminal bool
	begin    time.Time
	last     map[string]time.Duration // by step, of the last run in which it passed
	total    time.Duration            // of all steps, as expected

	mu      sync.Mutex
	partial bool   // the last output does not end a line
	status  string // of the step that runs
	since   time.Time
}

// drawn is how often the line is drawn anew.
const drawn = time.Second

// newProgress returns a progress on standard output.
func newProgress() *progress {
	info, err := os.Stdout.Stat()
	p := &progress{
		out: os.Stdout, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb",
		begin: time.Now(), last: map[string]time.Duration{},
	}
	if text, err := os.ReadFile(durations()); err == nil {
		_ = json.Unmarshal(text, &p.last) // what cannot be read is as good as not known
	}
	return p
}

// durations is the file that keeps how long steps took.
func durations() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "remote-event", "test-durations.json")
}

// expect sets the expected total time: the sum of the last durations of the steps, or
// otherwise if one of them is not known.
func (p *progress) expect(names []string, otherwise time.Duration) {
	p.total = 0
	for _, name := range names {
		last, ok := p.last[name]
		if !ok {
			p.total = otherwise
			return
		}
		p.total += last
	}
	p.total = p.total.Round(time.Second)
}

// step announces a step, and returns the function that ends it.
func (p *progress) step(i, n int, name string) (end func(err error)) {
	p.since = time.Now()
	expected := ""
	if last, ok := p.last[name]; ok {
		expected = fmt.Sprintf(", %v the last time", last.Round(time.Second))
	}
	fmt.Fprintf(p.out, "\n── %d of %d, after %v%s: %s\n", i, n, p.since.Sub(p.begin).Round(time.Second), expected, name)
	p.mu.Lock()
	p.status = fmt.Sprintf("step %d of %d%s", i, n, expected)
	p.mu.Unlock()
	stop := make(chan struct{})
	var drawing sync.WaitGroup
	if p.terminal {
		drawing.Go(func() { p.draw(stop) })
	}
	return func(err error) {
		close(stop)
		drawing.Wait()
		if err == nil {
			p.last[name] = time.Since(p.since)
			p.keep()
		}
	}
}

// keep keeps how long steps took. It is of no importance if that fails.
func (p *progress) keep() {
	path := durations()
	text, err := json.MarshalIndent(p.last, "", "  ")
	if path == "" || err != nil || os.MkdirAll(filepath.Dir(path), 0o755) != nil {
		return
	}
	_ = os.WriteFile(path, text, 0o644)
}

// draw draws the line until stop is closed, and removes it then.
func (p *progress) draw(stop <-chan struct{}) {
	ticker := time.NewTicker(drawn)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			p.mu.Lock()
			p.clear()
			p.mu.Unlock()
			return
		case now := <-ticker.C:
			p.mu.Lock()
			if !p.partial {
				p.clear()
				fmt.Fprintf(p.out, "%s: %v; in all %v of about %v", p.status, now.Sub(p.since).Round(time.Second), now.Sub(p.begin).Round(time.Second), p.total)
			}
			p.mu.Unlock()
		}
	}
}

// clear removes the line; the caller holds the lock.
func (p *progress) clear() {
	if p.terminal && !p.partial {
		_, _ = io.WriteString(p.out, "\r\x1b[K")
	}
}

// Write writes what a step prints.
func (p *progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	if len(text) > 0 {
		p.partial = !bytes.HasSuffix(text, []byte("\n"))
	}
	return p.out.Write(text)
}
