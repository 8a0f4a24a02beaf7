package faults

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
	"github.com/remote-events/remote-events/go/queueadmin"
)

// started starts a flow with a Redis without persistence.
func started(t *testing.T) (*flow, *redisserver.Instance, *redis.Client) {
	t.Helper()
	server, err := redisserver.StartInstance(t.Context(), redisserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	f, err := startFlow(t.Context(), Size{}, client, "oracle")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.stop()
		_ = client.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := f.flowFor(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	return f, server, client
}

// TestOracle checks that the oracle reports every kind of error.
func TestOracle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(t *testing.T, f *flow, client *redis.Client) error
		want  string
	}{
		"nothing": {func(*testing.T, *flow, *redis.Client) error { return nil }, ""},
		"an event is lost": {func(_ *testing.T, f *flow, _ *redis.Client) error {
			f.sent(key("oracle", 1<<30), nil)
			return nil
		}, "1 events are lost"},
		"a dead letter is not": {func(t *testing.T, f *flow, client *redis.Client) error {
			f.sent(key("oracle", 1<<30), nil)
			q, err := queueadmin.Open(client, "oracle")
			if err == nil {
				_, err = q.Import(t.Context(), queueadmin.DeadLetter{Raw: []byte(`{"data": {"number":1073741824}}`)})
			}
			return err
		}, ""},
		"half of a message": {func(t *testing.T, _ *flow, client *redis.Client) error {
			q, err := queueadmin.Open(client, "oracle")
			if err != nil {
				return err
			}
			return client.HSet(t.Context(), q.CompanionKeys()["bodies"], "nowhere", "x").Err()
		}, "audit"},
		"a message of nobody": {func(t *testing.T, _ *flow, client *redis.Client) error {
			return client.LPush(t.Context(), "oracle", `{"data": {"number":99999999}, "signals": ["oracle", "remote_event", "event"]}`).Err()
		}, "which was not sent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _, client := started(t)
			if err := c.spoil(t, f, client); err != nil {
				t.Fatal(err)
			}
			figures, err := f.finish(t.Context(), client)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%+v, %v", figures, err)
			}
			if (figures.Lost > 0) != (c.want == "1 events are lost") || figures.Promised < 100 || figures.Handled < 100 {
				t.Errorf("%+v", figures)
			}
		})
	}
}

// The oracle reports the loss of promised events by a Redis without persistence.
func TestOracleSeesLoss(t *testing.T) {
	t.Parallel()
	f, server, client := started(t)
	f.stopReceiving() // so that events wait in Redis
	f.receiving.Wait()
	if err := f.until(t.Context(), func() bool { return len(f.promised) >= len(f.handled)+10 }); err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	f.stopSending()
	f.sending.Wait()
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	figures, err := f.finish(t.Context(), client)
	if err == nil || figures.Lost < 10 {
		t.Errorf("%+v, %v", figures, err)
	}
}
