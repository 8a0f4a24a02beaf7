package faults

import (
	"context"
	"errors"

	"github.com/remote-events/remote-events/compat/internal/redisserver"
)

// interruptions makes Redis kill its clients' connections, lose its scripts, and pause for
// longer than a lease.
func interruptions(ctx context.Context, size Size) (figures Figures, err error) {
	server, client, f, end, err := startAlone(ctx, size, redisserver.Options{}, "interrupted", "interrupted 日本 {x}")
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, end()) }()
	for range size.Rounds {
		for _, interruption := range [][]any{
			{"SCRIPT", "FLUSH"},
			{"CLIENT", "KILL", "TYPE", "normal"},
			{"CLIENT", "PAUSE", (lease + lease/2).Milliseconds(), "ALL"},
		} {
			if err := f.flowFor(ctx, size.Events); err != nil {
				return figures, err
			}
			if err := server.Do(ctx, interruption...); err != nil {
				return figures, err
			}
			figures.Faults++
			if err := f.flowsAgain(ctx); err != nil {
				return figures, err
			}
		}
	}
	happened := figures.Faults
	figures, err = f.finish(ctx, client)
	figures.Faults = happened
	return figures, err
}
