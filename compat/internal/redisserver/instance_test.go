package redisserver_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

func instance(t *testing.T, settings ...string) *redisserver.Instance {
	t.Helper()
	i, err := redisserver.StartInstance(t.Context(), redisserver.Options{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, i.Close()) })
	return i
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A server with an AOF keeps acknowledged data through every kind of end.
func TestRestart(t *testing.T) {
	t.Parallel()
	i := instance(t, redisserver.Durable()...)
	client := i.Client()
	t.Cleanup(func() { must(t, client.Close()) })
	addr := i.Addr()
	for n, end := range []func() error{i.Kill, i.Terminate, i.Kill} {
		must(t, client.RPush(t.Context(), "queue", fmt.Sprint(n)).Err())
		must(t, end())
		if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr); err == nil {
			t.Error("a server answers after the end")
		}
		must(t, i.Start(t.Context()))
		var got []string
		for got = nil; got == nil; { // the client's old connection fails first
			got, _ = client.LRange(t.Context(), "queue", 0, -1).Result()
			must(t, t.Context().Err())
		}
		want := []string{"0", "1", "2"}[:n+1]
		if !slices.Equal(got, want) || i.Addr() != addr {
			t.Errorf("after end %d: got %q at %s", n, got, i.Addr())
		}
	}
	must(t, i.Close())
	must(t, i.Terminate())
	if err := i.Suspend(); err == nil {
		t.Error("Suspend succeeds after the end")
	}
}

func TestSuspend(t *testing.T) {
	t.Parallel()
	i := instance(t)
	must(t, i.Suspend())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := i.Do(ctx, "PING"); err == nil {
		t.Error("the suspended server answers")
	}
	must(t, i.Resume())
	must(t, i.Do(t.Context(), "PING"))
	must(t, i.Suspend())
	must(t, i.Kill()) // works while suspended
}

func TestInstanceFails(t *testing.T) {
	t.Parallel()
	_, err := redisserver.StartInstance(t.Context(), redisserver.Options{Settings: []string{"no-such-setting 1"}})
	if err == nil {
		t.Error("StartInstance succeeded")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := redisserver.StartInstance(ctx, redisserver.Options{}); err == nil {
		t.Error("StartInstance succeeded with a cancelled context")
	}
}

func TestPromotion(t *testing.T) {
	t.Parallel()
	first, second := instance(t), instance(t)
	must(t, first.Do(t.Context(), "SET", "a", "1"))
	must(t, second.Follow(t.Context(), first.Addr()))
	readOnly := func(i *redisserver.Instance) bool {
		err := i.Do(t.Context(), "SET", "b", "2")
		if err != nil && !redis.HasErrorPrefix(err, "READONLY") {
			t.Fatal(err)
		}
		return err != nil
	}
	if !readOnly(second) || readOnly(first) {
		t.Error("the replica accepts a write, or the primary does not")
	}
	client := first.Client()
	defer client.Close()
	must(t, client.Set(t.Context(), "c", "3", 0).Err())
	if n, err := client.Wait(t.Context(), 1, 30*time.Second).Result(); n != 1 {
		t.Errorf("WAIT: %d, %v", n, err)
	}
	must(t, second.Promote(t.Context()))
	must(t, first.Follow(t.Context(), second.Addr()))
	if readOnly(second) || !readOnly(first) {
		t.Error("the roles have not changed")
	}
	now := second.Client()
	defer now.Close()
	if got := now.MGet(t.Context(), "a", "c").Val(); got[0] != "1" || got[1] != "3" {
		t.Errorf("value on the new primary: %q", got)
	}
}
