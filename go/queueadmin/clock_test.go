package queueadmin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// TestDiagnosisOfClock checks that Diagnose reports retries from before the clock was set
// back, and that Audit reports attempts that are not numbers.
func TestDiagnosisOfClock(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q := open(t, client, "file_event")
		keys := q.CompanionKeys()
		future := float64(time.Now().Add(time.Hour).UnixMilli())
		must(t, errors.Join(
			client.HSet(t.Context(), keys["bodies"], "1-t-1-1001", "dead", "1-t-1-1002", "retried").Err(),
			client.HSet(t.Context(), keys["attempts"], "1-t-1-1001", "1 0", "1-t-1-1002", "nan").Err(),
			client.HSet(t.Context(), keys["reasons"], "1-t-1-1001", "{}").Err(),
			client.ZAdd(t.Context(), keys["dead"], redis.Z{Member: "1-t-1-1001", Score: future}).Err(),
			client.ZAdd(t.Context(), keys["retries"], redis.Z{Member: "1-t-1-1002", Score: future}).Err(),
		))
		found, err := q.Diagnose(t.Context(), queueadmin.ReceiverAtLeastOnce)
		must(t, err)
		if len(found) != 1 || found[0].Check != "clock" || !found[0].Warning || !strings.Contains(found[0].Problem, "1 retries and leases") {
			t.Errorf("found %+v", found)
		}
		var faults []queueadmin.Fault
		for fault, err := range q.Audit(t.Context()) {
			must(t, err)
			faults = append(faults, fault)
		}
		if len(faults) != 1 || faults[0].ID != "1-t-1-1002" || faults[0].Problem != queueadmin.ProblemAttempts || !strings.Contains(faults[0].Detail, "not a number") {
			t.Errorf("Audit = %+v", faults)
		}
	})
}
