package remoteevent

import "testing"

// TestFunctionName: the log names a method as its user wrote it.
func TestFunctionName(t *testing.T) {
	t.Parallel()
	const want = "github.com/remote-events/remote-events/go/remoteevent.(*Mux).Queues"
	if got := functionName(new(Mux).Queues); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
