package bench

import (
	"fmt"
	"io"
	"strings"
)

// markdown returns the table as Markdown.
func (t table) markdown() string {
	var b strings.Builder
	for i, row := range t {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|---|" + strings.Repeat("---:|", len(row)-1) + "\n")
		}
	}
	return b.String()
}

// introduction is the beginning of BENCHMARKS.md.
const introduction = `# Benchmarks

` + "`go tool mage bench`" + ` measures and writes this file. The last section lists the
[goals](#goals).

## How it is measured

- All participants move the same bytes through the same Redis. It has no persistence
  and runs on the same machine as the client. Nothing is tuned.
- The size is the length of the message as an original sends it. The library's sender
  adds an id and a time by default, about 90 bytes, and all participants move
  these bytes too. Only ` + "`library-plain`" + ` and the original send without them.
- Every round measures every case once, with an empty Redis and after a garbage
  collection. The order is shuffled, but compared cases follow each other. The first
  part of each run is a warm-up and does not count. A cell shows the median of the
  rounds, with minimum and maximum in parentheses.
- Each run verifies that exactly its messages are stored, or that each was handled
  exactly once and none is left. A participant that fails this check has no figures.
- A receiver empties a list that is full at the start. Its listener reads one number
  of the event.
- The absolute figures depend on the machine. The ratios of the goals are computed
  within a round, and their median counts.

| participant | method |
|---|---|
| library | this library with default options; the listener gets a Go struct |
| library-generic | the listener gets a ` + "`map[string]any`" + ` |
| library-undecoded | the listener gets the payload's bytes |
| library-prefetch-500, library-concurrency-10 | with ` + "`WithPrefetch(500)`, `WithConcurrency(10)`" + ` |
| go-redis, rueidis | ` + "`LPUSH`" + ` with default options; a batch is one variadic ` + "`LPUSH`" + ` |
| go-redis-autopipeline | the same through ` + "`AutoPipeline`" + ` |
| go-redis-brpop | a loop of ` + "`BRPOP`" + `, which does not decode the message |
| go-redis-rpop-1000 | ` + "`RPOP`" + ` of 1,000 messages, decoded by encoding/json |
| go-redis-blmove | at least once by hand: ` + "`BLMOVE`" + ` and ` + "`LREM`" + ` for each message, decoded by encoding/json |
| resp, resp-pipelined, resp-rpop-1000 | one connection and a hand-written protocol; pipelined with 50 commands |
| redis-benchmark | the program of Redis, with 1 or 50 connections; P100 means a pipeline of 100 |
| original | the Python package, with one sending thread, or one queue |
| asynq, watermill | with 10 workers or subscribers, decoded by encoding/json |

| column | meaning |
|---|---|
| Redis µs | time in Redis' commands per message, from ` + "`INFO commandstats`" + `; commands of scripts count once; limited to Redis CPU, because the clock of ` + "`commandstats`" + ` also runs while other processes use the CPU |
| Redis CPU µs | CPU time of the server per message, including input and output |
| client CPU µs, allocs, bytes alloc. | CPU time, allocations and allocated bytes of the client process per message |

`

// WriteMarkdown writes the report as Markdown. Its last lines are the goals.
func (r Report) WriteMarkdown(out io.Writer) error { return r.writeMarkdown(out, "") }

// writeMarkdown writes the report with links to the pictures in a directory, or without
// pictures if its name is empty.
func (r Report) writeMarkdown(out io.Writer, pictures string) error {
	var b strings.Builder
	b.WriteString(introduction)
	fmt.Fprintf(&b, "Measured on %s with %s.\n", r.Date.Format("2 January 2006"), r.setting())
	if lines := r.problems(); len(lines) > 0 {
		b.WriteString("\n- " + strings.Join(lines, "\n- ") + "\n")
	}
	for _, g := range r.groups() {
		fmt.Fprintf(&b, "\n## %s\n\n", g.title())
		if pictures != "" {
			for _, p := range g.pictures() {
				if len(g.bars(p.metric, p.less)) > 0 {
					fmt.Fprintf(&b, "![%s: %s](%s/%s)\n\n", g.title(), p.title, pictures, g.file(p))
				}
			}
		}
		b.WriteString(g.table().markdown())
	}
	b.WriteString("\n## Goals\n\n" + r.goals().markdown())
	_, err := io.WriteString(out, b.String())
	return err
}
