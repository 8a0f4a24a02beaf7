package remoteevent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/nilcheck"
)

// WithRedisHooks adds hooks of go-redis to the connections that a receiver makes of its own,
// which the hooks of the caller's client, such as those of redisotel, do not see. The first
// hook is the outermost. Of a cluster or a Ring, the hooks see the commands and
// connections of each node.
//
// The hooks see the receiver's commands with their arguments, payloads included: a hook
// that records arguments records payloads. A panic of a hook becomes the error of
// the command. A hook is called in a goroutine that runs for the command only.
//
// A [Sender] needs no such option: its commands pass through the hooks of the client that
// it was given.
func WithRedisHooks(hooks ...redis.Hook) ReceiverOption {
	return receiverOption(func(c *receiverConfig) { c.redisHooks = append(c.redisHooks, hooks...) })
}

// checkRedisHooks returns an error for a hook that is nil.
func checkRedisHooks(hooks []redis.Hook) error {
	for i, hook := range hooks {
		if hook == nil || nilcheck.IsPointer(hook) {
			return fmt.Errorf("WithRedisHooks: hook %d is nil", i+1)
		}
	}
	return nil
}

// redisHooks are the user's hooks for the clients of a receiver.
type redisHooks []redis.Hook

// addTo adds the hooks to a client whose dialer has them already.
func (h redisHooks) addTo(client *redis.Client) {
	for _, hook := range h {
		client.AddHook(containedHook{hook})
	}
}

// dialer wraps a dialer. The hooks see the errors of dial, which a quiet dialer hides
// from go-redis.
func (h redisHooks) dialer(dial dialer) dialer {
	for _, hook := range slices.Backward(h) {
		next := redis.DialHook(dial)
		dial = func(ctx context.Context, network, addr string) (conn net.Conn, err error) {
			err = callHook(func() error {
				conn, err = hook.DialHook(next)(ctx, network, addr)
				return err
			})
			if err == nil && conn == nil {
				err = errors.New("a hook of WithRedisHooks returned no connection")
			}
			if err != nil && conn != nil {
				_ = conn.Close()
				conn = nil
			}
			return conn, err
		}
	}
	return dial
}

// containedHook is a hook of the user's that can neither panic into go-redis nor end its
// goroutines.
type containedHook struct{ hook redis.Hook }

// DialHook implements redis.Hook. See redisHooks.dialer.
func (containedHook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (h containedHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := callHook(func() error { return h.hook.ProcessHook(next)(ctx, cmd) })
		if errors.Is(err, errRedisHook) {
			cmd.SetErr(err)
		}
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (h containedHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := callHook(func() error { return h.hook.ProcessPipelineHook(next)(ctx, cmds) })
		if errors.Is(err, errRedisHook) {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
		}
		return err
	}
}

// errRedisHook marks the error of a hook that panicked or ended its goroutine.
var errRedisHook = errors.New("a hook of WithRedisHooks did not return")

// callHook calls a hook and returns its panic as an error.
func callHook(call func() error) error {
	err, how := apart(nil, func() (err error) {
		if panicked := contain(func() { err = call() }); panicked != nil {
			panicked.in = "a hook of WithRedisHooks"
			return fmt.Errorf("%w: %w", errRedisHook, panicked)
		}
		return err
	})
	if how != callReturned {
		return errRedisHook
	}
	return err
}
