package lease

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// claimOne claims a message.
func claimOne(q *Queue) error {
	return q.Exchange(background, Exchange{Claim: &Claim{Lease: 1000, Count: 1, Bytes: 1, MaxBytes: 1, MaxAttempts: 1}}).Err
}

// TestErrorCodes checks that an error of Redis within exchange keeps its code, from which a
// client derives that it needs another connection.
func TestErrorCodes(t *testing.T) {
	t.Parallel()
	t.Run("of Redis", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, redistest.FreeAddr(t))
		client := redis.NewClient(&redis.Options{Addr: server.Addr})
		defer client.Close()
		q := newQueue(t, client, "k")
		if err := client.ReplicaOf(background, "127.0.0.1", "1").Err(); err != nil {
			t.Fatal(err)
		}
		if err := claimOne(q); !redis.HasErrorPrefix(err, "READONLY") {
			t.Errorf("error of a replica: %v", err)
		}
	})
	// Redis 7 passes errors to scripts in another form than earlier versions.
	redistest.Each(t, func(t *testing.T, client *redis.Client) {
		q := newQueue(t, client, "k")
		for _, code := range []string{"READONLY", "OOM", "MISCONF", "NOPERM", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOREPLICAS"} {
			for _, thrown := range []string{"{err = '" + code + " no'}", "'" + code + " no'", "'@user_script: 12: -" + code + " no\\r\\n'"} {
				source := scripts["exchange"].source
				altered := strings.Replace(source, "local function exchange()\n", "local function exchange()\n  error("+thrown+", 0)\n", 1)
				if altered == source {
					t.Fatal("exchange.lua has no function exchange")
				}
				q.scripts = map[string]script{"exchange": newScript(altered)}
				if err := claimOne(q); err == nil || err.Error() != code+" no" {
					t.Errorf("error after %s: %v", thrown, err)
				}
			}
		}
		// An error of the script has no code of Redis.
		faulty := strings.Replace(scripts["exchange"].source, "local function exchange()\n", "local function exchange()\n  error('a fault')\n", 1)
		q.scripts = map[string]script{"exchange": newScript(faulty)}
		if err := claimOne(q); err == nil || !strings.Contains(err.Error(), "a fault") {
			t.Errorf("error = %v", err)
		}
	})
}
