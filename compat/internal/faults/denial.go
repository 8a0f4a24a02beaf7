package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/calibration"
	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// deniedWrites makes Redis deny writes for longer than a lease, while events flow: once
// because replicas are missing, and once because its disk is not writable.
func deniedWrites(ctx context.Context, size Size) (figures Figures, err error) {
	server, client, f, end, err := startAlone(ctx, size, redisserver.Options{}, "denied")
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, end()) }()
	for range size.Rounds {
		for _, refusal := range []func(context.Context, *redisserver.Instance) (restore func() error, err error){wantReplicas, fillDisk} {
			if err := f.flowFor(ctx, size.Events); err != nil {
				return figures, err
			}
			restore, err := refusal(ctx, server)
			if err != nil {
				return figures, err
			}
			pause(ctx, lease+lease/2)
			if err := restore(); err != nil {
				return figures, err
			}
			if err := f.flowsAgain(ctx); err != nil {
				return figures, err
			}
		}
	}
	return f.finish(ctx, client)
}

// wantReplicas makes the server deny writes as if its replicas were lost.
func wantReplicas(ctx context.Context, server *redisserver.Instance) (restore func() error, err error) {
	if err := server.Do(ctx, "CONFIG", "SET", "min-replicas-to-write", 1); err != nil {
		return nil, err
	}
	return func() error { return server.Do(ctx, "CONFIG", "SET", "min-replicas-to-write", 0) },
		denies(ctx, server, "NOREPLICAS")
}

// fillDisk makes a snapshot of the server fail, so that the server denies writes: the path
// of the snapshot is a directory.
func fillDisk(ctx context.Context, server *redisserver.Instance) (restore func() error, err error) {
	obstacle := filepath.Join(server.Dir(), "dump.rdb")
	if err := os.Remove(obstacle); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(obstacle, "full"), 0o700); err != nil {
		return nil, err
	}
	if err := errors.Join(server.Do(ctx, "CONFIG", "SET", "save", "3600 1"), snapshot(ctx, server, "err")); err != nil {
		return nil, err
	}
	return func() error {
		return errors.Join(os.RemoveAll(obstacle), snapshot(ctx, server, "ok"), server.Do(ctx, "CONFIG", "SET", "save", ""))
	}, denies(ctx, server, "MISCONF")
}

// snapshot makes the server write a snapshot, and waits for the given status.
func snapshot(ctx context.Context, server *redisserver.Instance, status string) error {
	if err := server.Do(ctx, "BGSAVE"); err != nil {
		return err
	}
	client := server.Client()
	defer func() { _ = client.Close() }()
	ctx, cancel := calibration.WithTimeout(ctx, patience)
	defer cancel()
	for {
		info, err := client.Info(ctx, "persistence").Result()
		if err == nil && strings.Contains(info, "rdb_bgsave_in_progress:0") && strings.Contains(info, "rdb_last_bgsave_status:"+status) {
			return nil
		}
		if pause(ctx, 5*time.Millisecond); ctx.Err() != nil {
			return fmt.Errorf("the snapshot does not end with %q: %w", status, errors.Join(context.Cause(ctx), err))
		}
	}
}

// denies verifies that the server denies writes with that error.
func denies(ctx context.Context, server *redisserver.Instance, prefix string) error {
	if err := server.Do(ctx, "SET", "a key of nobody", ""); !redis.HasErrorPrefix(err, prefix) {
		return fmt.Errorf("want an error %s from the server, got %w", prefix, err)
	}
	return nil
}
