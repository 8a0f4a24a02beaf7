package remoteevent

import "testing"

// TestReleasesKeepTheOrder checks that messages are released in the order in which they were
// taken, independent of the order in which their handling ended.
func TestReleasesKeepTheOrder(t *testing.T) {
	t.Parallel()
	a := &acknowledger{}
	for _, number := range []uint64{3, 1, 4, 2} {
		a.add([]*message{{number: number, disposition: disposition{kind: released}}})
	}
	for i, m := range a.releases().done {
		if m.number != uint64(i+1) {
			t.Errorf("message %d is released at position %d", m.number, i+1)
		}
	}
}
