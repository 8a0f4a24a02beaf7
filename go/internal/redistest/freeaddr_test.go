package redistest_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// TestFreeAddr: no two addresses are the same, and no port is one that Linux, macOS or
// Windows assigns.
func TestFreeAddr(t *testing.T) {
	t.Parallel()
	const assigned = 32_768 // and above
	found := map[string]bool{}
	for range 200 {
		addr := redistest.FreeAddr(t)
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		if number, err := strconv.Atoi(port); err != nil || number >= assigned || found[addr] {
			t.Errorf("the address is %s: %v", addr, err)
		}
		found[addr] = true
	}
}
