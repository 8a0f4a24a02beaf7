package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"github.com/remote-events/remote-events/go/remoteevent"
)

// NewFileEvent is received when a file was uploaded.
type NewFileEvent struct {
	Path string `json:"path"`
}

// EventName is also the name of the list in Redis.
func (NewFileEvent) EventName() string { return "new_file_event" }

// ChecksumEvent is sent for each new file.
type ChecksumEvent struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// EventName is also the name of the list in Redis.
func (ChecksumEvent) EventName() string { return "checksum_event" }

// VerifyFileEvent is received to compare a file with its checksum.
type VerifyFileEvent struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// EventName is also the name of the list in Redis.
func (VerifyFileEvent) EventName() string { return "verify_file_event" }

// files handles the events of the files in a directory.
type files struct {
	root   *os.Root
	sender *remoteevent.Sender
	logger *slog.Logger
}

// register adds the listeners to a mux.
func (f *files) register(mux *remoteevent.Mux) error {
	return errors.Join(remoteevent.Handle(mux, f.added), remoteevent.Handle(mux, f.verify))
}

// added sends the checksum of a new file. It may run twice for one file: delivery is at
// least once, and the receivers of the checksum do no harm if they get it twice.
func (f *files) added(ctx context.Context, event NewFileEvent) error {
	checksum, err := f.checksum(event.Path)
	if err != nil {
		return err
	}
	return f.sender.Send(ctx, ChecksumEvent{event.Path, checksum})
}

func (f *files) verify(ctx context.Context, event VerifyFileEvent) error {
	checksum, err := f.checksum(event.Path)
	if err != nil {
		return err
	}
	if checksum != event.SHA256 { // a file that has changed stays changed
		return remoteevent.Permanent(errors.New("the file does not have the checksum"))
	}
	f.logger.InfoContext(ctx, "file verified", "id", remoteevent.DeliveryOf(ctx).Key())
	return nil
}

// checksum returns the checksum of a file. No retry helps with a path that leads out of
// the directory. A file that does not exist is retried: a network disk may show it later.
func (f *files) checksum(path string) (string, error) {
	file, err := f.root.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err != nil {
		return "", remoteevent.Permanent(err)
	}
	defer file.Close() //nolint:errcheck // it is only read
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
