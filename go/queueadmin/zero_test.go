package queueadmin_test

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/zerovalue"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// TestZeroValues: nil contexts and clients, and queues that were not opened, are
// errors and never a panic.
func TestZeroValues(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	zerovalue.Check(t, map[string]any{
		"Codes": queueadmin.Codes, "DiagnoseServer": queueadmin.DiagnoseServer, "FindQueues": queueadmin.FindQueues,
		"Open": queueadmin.Open, "Roles": queueadmin.Roles, "Rule": queueadmin.Rule, "User": queueadmin.User,
		// Pointers that are nil are clients as well.
		"Open of no client": func() (*queueadmin.Queue, error) { return queueadmin.Open((*redis.Client)(nil), "q") },
	}, open(t, client, "q"), queueadmin.DeadLetter{}, &queueadmin.Diagnosis{})
	for _, err := range []error{
		second(queueadmin.Open((*redis.Client)(nil), "q")), second(queueadmin.Open(nil, "q")),
		second(new(queueadmin.Queue).Stats(t.Context())), second(open(t, client, "q").Stats(nil)), //nolint:staticcheck // nil is what is tested
	} {
		if err == nil {
			t.Error("a value that no constructor made works")
		}
	}
}
