package lease_test

import (
	"errors"
	"net"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/spec"
)

// TestNames compares the names of keys with the vectors, and the vectors with the slots of a
// real cluster.
func TestNames(t *testing.T) {
	t.Parallel()
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr, "--cluster-enabled", "yes", "--cluster-port", port(t))
	node := redis.NewClient(&redis.Options{Addr: addr})
	defer node.Close()
	cases, err := spec.CompanionVectors()
	if err != nil || len(cases) == 0 {
		t.Fatal(len(cases), err)
	}
	owner := map[string]string{}
	for _, c := range cases {
		queue := c.Queue.String()
		if err := lease.Check(queue); c.Rejected != errors.Is(err, lease.ErrReserved) {
			t.Errorf("%s: %v", c.ID, err)
		}
		if c.Rejected {
			continue
		}
		if tag, slot := lease.Tag(queue), lease.Slot(queue); tag != c.Tag.String() || slot != c.Slot {
			t.Errorf("%s: tag %q, slot %d", c.ID, tag, slot)
		}
		q, err := lease.NewQueue(node, queue)
		if err != nil {
			t.Fatal(err)
		}
		for i, kind := range lease.Kinds() {
			name := lease.Companion(kind, queue)
			if q.Key(kind) != name {
				t.Errorf("%s: key %q, want %q", c.ID, q.Key(kind), name)
			}
			if i < len(c.Companions) && name != c.Companions[i].String() {
				t.Errorf("%s: %s is %q", c.ID, kind, name)
			}
			if other, taken := owner[name]; taken {
				t.Errorf("%q is a companion key of both %q and %q", name, other, queue)
			}
			owner[name] = queue
			if slot := node.ClusterKeySlot(t.Context(), name).Val(); slot != int64(c.Slot) {
				t.Errorf("%s: slot of %s in the cluster: %d", c.ID, kind, slot)
			}
		}
		if slot := node.ClusterKeySlot(t.Context(), queue).Val(); slot != int64(c.Slot) {
			t.Errorf("%s: slot of the queue in the cluster: %d", c.ID, slot)
		}
	}
}

func port(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(redistest.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestQueueOf(t *testing.T) {
	t.Parallel()
	vectors, err := spec.CompanionVectors()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		name := string(v.Queue.Bytes())
		for _, kind := range lease.Kinds() {
			if queue, ok := lease.QueueOf(lease.Companion(kind, name)); !v.Rejected && (!ok || queue != name) {
				t.Errorf("queue of %q: %q, %t", lease.Companion(kind, name), queue, ok)
			}
		}
	}
	for _, other := range []string{"", "x", lease.Prefix, lease.Prefix + "{x}:bodies:y", lease.Prefix + "{x}", lease.Prefix + "{x}:bodies"} {
		if queue, ok := lease.QueueOf(other); ok {
			t.Errorf("queue of %q: %q", other, queue)
		}
	}
}
