package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/remoteevent"
)

// The settings of the consumer that the demo kills.
const (
	victimCommand = "demo-consumer"
	victimLease   = time.Second
	victimEvents  = 3
)

// victim is the process that the demo kills: it takes events, prints the path of each on
// a line, and never finishes handling one.
func (a *app) victim() *cobra.Command {
	return &cobra.Command{
		Use:    victimCommand,
		Hidden: true,
		Args:   noSuchArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := a.connectConfigured(cmd.Context())
			if err != nil {
				return err
			}
			defer conn.close()
			mux, err := remoteevent.NewMux()
			if err != nil {
				return err
			}
			if err := remoteevent.Handle(mux, func(ctx context.Context, e NewFileEvent) error {
				if err := a.print(e.Path + "\n"); err != nil {
					return err
				}
				<-ctx.Done() // until it is killed
				return ctx.Err()
			}); err != nil {
				return err
			}
			receiver, err := remoteevent.NewReceiver(conn.client, mux, remoteevent.WithLease(victimLease), remoteevent.WithConcurrency(victimEvents))
			if err != nil {
				return err
			}
			return receiver.Run(cmd.Context())
		},
	}
}

// survival describes the events of the killed consumer.
type survival struct {
	held   []string // the paths of its events
	leased int64    // the number of leased messages in Redis after its death
	again  []string // the paths of the events that the next consumer got, with the attempt
	took   time.Duration
	lost   int
}

// kill lets a process take events, kills it, and lets another consumer continue.
func (d *demonstration) kill(ctx context.Context, client *redis.Client) error {
	sender, err := remoteevent.NewSender(client)
	if err != nil {
		return err
	}
	for i := range victimEvents {
		if err := sender.Send(ctx, NewFileEvent{FileEvent{Path: fmt.Sprintf("/uploads/video%d.mp4", 3+i)}}); err != nil {
			return err
		}
	}
	if err := d.takeAndKill(ctx, client); err != nil {
		return fmt.Errorf("kill a consumer: %w", err)
	}
	queue, err := queueadmin.Open(client, NewFileEvent{}.EventName())
	if err != nil {
		return err
	}
	depths, err := queue.Stats(ctx)
	if err != nil {
		return err
	}
	d.survival.leased = depths.Leased
	return d.takeOver(ctx, client, queue)
}

// takeAndKill starts the process, waits until it has all events, and kills it.
func (d *demonstration) takeAndKill(ctx context.Context, client *redis.Client) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, self, victimCommand, "--redis", urlOf(client.Options().Addr)) //nolint:gosec // this program
	lines, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	timeout := time.AfterFunc(20*time.Second, func() { _ = command.Process.Kill() })
	defer timeout.Stop()
	for in := bufio.NewScanner(lines); len(d.survival.held) < victimEvents && in.Scan(); {
		d.survival.held = append(d.survival.held, in.Text())
	}
	_ = command.Process.Kill() // SIGKILL: the process cannot release its events
	_ = command.Wait()         // its error is that it was killed
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case len(d.survival.held) < victimEvents:
		return errors.New("the consumer did not get the events")
	}
	slices.Sort(d.survival.held)
	return nil
}

// takeOver lets another consumer get the events of the killed one.
func (d *demonstration) takeOver(ctx context.Context, client *redis.Client, queue *queueadmin.Queue) error {
	begin := time.Now()
	got := make(chan string, victimEvents)
	mux, err := remoteevent.NewMux()
	if err != nil {
		return err
	}
	if err := remoteevent.Handle(mux, func(ctx context.Context, e NewFileEvent) error {
		got <- fmt.Sprintf("%s (attempt %d)", e.Path, remoteevent.DeliveryOf(ctx).Attempt)
		return nil
	}); err != nil {
		return err
	}
	receiver, err := remoteevent.NewReceiver(client, mux, remoteevent.WithLogger(slog.New(unannounced{slog.Default().Handler()})))
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- receiver.Run(running) }()
	for len(d.survival.again) < victimEvents && err == nil {
		select {
		case path := <-got:
			d.survival.again = append(d.survival.again, path)
		case <-time.After(20 * time.Second):
			err = errors.New("the events of the killed consumer were not delivered again")
		case <-ctx.Done():
			err = errInterrupted
		}
	}
	d.survival.took = time.Since(begin)
	stop()
	if err = errors.Join(err, <-ended); err != nil {
		return err
	}
	slices.Sort(d.survival.again)
	for _, path := range d.survival.held {
		if !slices.ContainsFunc(d.survival.again, func(text string) bool { return strings.HasPrefix(text, path+" ") }) {
			d.survival.lost++
		}
	}
	depths, err := queue.Stats(ctx)
	if left := depths.Queued + depths.Staged + depths.Leased + depths.Retrying; err == nil && left > 0 {
		err = fmt.Errorf("%d events remain", left)
	}
	return err
}

// summary describes the outcome.
func (s *survival) summary(row func(label, text string)) {
	names := func(paths []string) string { return strings.ReplaceAll(strings.Join(paths, ", "), "/uploads/", "") }
	row("taken", fmt.Sprintf("%s; kill -9; Redis still has %d", names(s.held), s.leased))
	row("then", fmt.Sprintf("another consumer gets, %.1f s later, %s; lost: %d", s.took.Seconds(), names(s.again), s.lost))
}
