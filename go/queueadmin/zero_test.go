package queueadmin_test

import (
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/zerovalue"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// TestZeroValues checks that nil contexts, nil clients and unopened queues cause errors and no
// panic.
func TestZeroValues(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	zerovalue.Check(t, map[string]any{
		"Codes": queueadmin.Codes, "DiagnoseServer": queueadmin.DiagnoseServer, "FindQueues": queueadmin.FindQueues, "NewObserver": queueadmin.NewObserver,
		"Open": queueadmin.Open, "Roles": queueadmin.Roles, "Rule": queueadmin.Rule, "User": queueadmin.User,
		// A nil pointer is a non-nil interface value.
		"Open of no client": func() (*queueadmin.Queue, error) { return queueadmin.Open((*redis.Client)(nil), "q") },
	}, open(t, client, "q"), queueadmin.DeadLetter{}, &queueadmin.Diagnosis{}, observer(t, client))
	for _, err := range []error{
		second(queueadmin.Open((*redis.Client)(nil), "q")), second(queueadmin.Open(nil, "q")),
		second(new(queueadmin.Queue).Stats(t.Context())), second(open(t, client, "q").Stats(nil)), //nolint:staticcheck // the nil context is the test
	} {
		if err == nil {
			t.Error("an unusable value returns no error")
		}
	}
}
