package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// sendingBar shows the number of sent events on one line of a terminal, with the position
// in the source if its length is known. Otherwise it shows nothing.
type sendingBar struct {
	bar  *progressbar.ProgressBar // nil shows nothing
	file *os.File
	name string
	size int64 // of the source in bytes; 0 if unknown
}

func (a *app) sendingBar(name string, source io.Reader) *sendingBar {
	b := &sendingBar{name: named(name)}
	file, ok := fileOf(a.stderr)
	if !ok || !isTerminal(file) || a.getenv("TERM") == "dumb" {
		return b
	}
	b.file = file
	if input, ok := source.(*os.File); ok {
		if info, err := input.Stat(); err == nil && info.Mode().IsRegular() {
			b.size = info.Size()
		}
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(file),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionClearOnFinish(),
	}
	length := int64(-1)
	if b.size > 0 {
		length = b.size
		options = append(options, progressbar.OptionFullWidth())
	}
	b.bar = progressbar.NewOptions64(length, append(options, progressbar.OptionSetDescription(b.description(0)))...)
	return b
}

// description returns the number of sent events, with the name if it fits.
func (b *sendingBar) description(sent int) string {
	const room = 30 // for the bar
	columns, _, err := term.GetSize(int(b.file.Fd()))
	if err != nil {
		columns = 80
	}
	text := fmt.Sprintf("%d events", sent)
	if long := "sending " + b.name + ": " + text; len(long)+room <= columns {
		return long
	}
	return "sending: " + text
}

// update shows the number of sent events, and the position of the end of the last one in
// the source.
func (b *sendingBar) update(sent int, end int64) {
	if b.bar == nil {
		return
	}
	b.bar.Describe(b.description(sent))
	if b.size > 0 {
		_ = b.bar.Set64(min(end, b.size-1)) // the maximum would end the bar
	} else {
		_ = b.bar.Add(1)
	}
}

// clear removes the line.
func (b *sendingBar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
