package remoteeventtest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/remote-events/remote-events/go/remoteevent"
	"github.com/remote-events/remote-events/go/remoteeventtest"
)

// TestDocumentedBubble is the example of the package's documentation.
func TestDocumentedBubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mux, err := remoteevent.NewMux()
		if err != nil {
			t.Fatal(err)
		}
		err = remoteevent.Handle(mux, func(ctx context.Context, _ NewFileEvent) error {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			<-ctx.Done() // a server that does not answer
			return ctx.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		err = remoteeventtest.Deliver(t, mux, NewFileEvent{Path: "/uploads/video1.mp4"})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("the listener returned %v after %v", err, time.Since(start))
		}
	})
}

// TestDocumentation compares the example of the package's documentation with
// TestDocumentedBubble.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	var examples [2]string
	for i, file := range []string{"doc.go", "bubble_test.go"} {
		text, err := os.ReadFile(file)
		must(t, err)
		_, text, _ = bytes.Cut(text, []byte("synctest.Test(t, "))
		text, _, _ = bytes.Cut(text, []byte("\n//\t})\n"))
		text, _, _ = bytes.Cut(text, []byte("\n\t})\n"))
		for line := range strings.Lines(string(text)) {
			examples[i] += strings.TrimSpace(strings.TrimPrefix(line, "//")) + "\n"
		}
	}
	if examples[0] != examples[1] || !strings.Contains(examples[0], "Deliver") {
		t.Errorf("doc.go:\n%s\nTestDocumentedBubble:\n%s", examples[0], examples[1])
	}
}
