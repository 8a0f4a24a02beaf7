package main

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "demo") // it starts itself as a child
	r := p.expectExit(t, exitDone)
	if r.stderr != "" {
		t.Errorf("stderr: %s", r.stderr)
	}
	for _, want := range []string{
		`{"data": {"path":"/uploads/video1.mp4"}`, `"event_name":"new_file_event"`, pythonMessage, deadlyMessage,
		"heard by Handle[NewFileEvent] and Handle[FileEvent]", "Celsius is NaN", "tolerated; an original delivers",
		"malformed; an original dies; [WIRE-2]", "moved to dead letters", "video2.mp4, heard by Handle[NewFileEvent] and Handle[FileEvent]",
		"video3.mp4, video4.mp4, video5.mp4; kill -9; Redis still has 3", "video3.mp4 (attempt 2)", "video5.mp4 (attempt 2); lost: 0\n",
		"go run ./go/cmd/remote-event dev",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the summary lacks %q:\n%s", want, r.stdout)
		}
	}
	if strings.Contains(r.stdout, "\x1b") {
		t.Error("colours in the output without a terminal")
	}
	lines := strings.Split(r.stdout, "\n")
	if len(lines) > 36 { // a window, where 24 would leave no room between the three
		t.Errorf("%d lines do not fit on a screen", len(lines))
	}
	for _, line := range lines {
		if utf8.RuneCountInString(line) > 80 {
			t.Errorf("too long: %s", line)
		}
	}
}

func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	invocation{args: []string{"demo"}}.run(ctx).expect(t, exitInterrupted)
}
