//go:build !unix

package cache

import (
	"context"
	"errors"
	"os"
	"time"
)

// lock creates the file and waits until ctx ends while it is there. A process
// that dies leaves it behind: then it has to be removed by hand.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			return func() { _ = file.Close(); _ = os.Remove(path) }, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), errors.New("remove "+path+" if no other process runs"))
		case <-poll.C:
		}
	}
}
