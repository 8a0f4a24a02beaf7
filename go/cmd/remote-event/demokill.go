package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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

// What the demo's consumer that is killed gets.
const (
	holdVerb  = "demo-consumer"
	holdLease = time.Second
	holdCount = 3
)

// holdCommand is the process that the demo kills: it takes as many events as it
// was told, never gets done with any, and says so on a line once it has them.
func (a *app) holdCommand() *cobra.Command {
	return &cobra.Command{
		Use:    holdVerb,
		Hidden: true,
		Args:   noSuchArgument,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, _, err := a.connectConfigured(cmd.Context())
			if err != nil {
				return err
			}
			defer client.Close()
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
			receiver, err := remoteevent.NewReceiver(client, mux, remoteevent.WithLease(holdLease), remoteevent.WithConcurrency(holdCount))
			if err != nil {
				return err
			}
			return receiver.Run(cmd.Context())
		},
	}
}

// survival is what became of events whose consumer was killed.
type survival struct {
	held   []string // the paths of the events that it held
	leased int64    // as Redis says after its death
	again  []string // the paths of those that the next consumer got, with the attempt
	took   time.Duration
	lost   int
}

// kill has events held by a process, kills that, and lets another consumer go on.
func (d *demonstration) kill(ctx context.Context, client *redis.Client) error {
	sender, err := remoteevent.NewSender(client)
	if err != nil {
		return err
	}
	for i := range holdCount {
		if err := sender.Send(ctx, NewFileEvent{FileEvent{Path: fmt.Sprintf("/uploads/video%d.mp4", 3+i)}}); err != nil {
			return err
		}
	}
	if err := d.holdAndKill(ctx, client); err != nil {
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
	return d.goOn(ctx, client, queue)
}

// holdAndKill starts the process, waits until it has all events, and kills it.
func (d *demonstration) holdAndKill(ctx context.Context, client *redis.Client) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, self, holdVerb, "--redis", urlOf(client.Options().Addr)) //nolint:gosec // this program
	lines, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	timeout := time.AfterFunc(20*time.Second, func() { _ = command.Process.Kill() })
	defer timeout.Stop()
	for in := bufio.NewScanner(lines); len(d.survival.held) < holdCount && in.Scan(); {
		d.survival.held = append(d.survival.held, in.Text())
	}
	_ = command.Process.Kill() // SIGKILL: it cannot say goodbye
	_ = command.Wait()         // it was killed
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case len(d.survival.held) < holdCount:
		return errors.New("it did not get the events")
	}
	slices.Sort(d.survival.held)
	return nil
}

// goOn lets another consumer get what the dead one held.
func (d *demonstration) goOn(ctx context.Context, client *redis.Client, queue *queueadmin.Queue) error {
	begin := time.Now()
	got := make(chan string, holdCount)
	mux, err := remoteevent.NewMux()
	if err != nil {
		return err
	}
	if err := remoteevent.Handle(mux, func(ctx context.Context, e NewFileEvent) error {
		got <- fmt.Sprintf("%s (try %d)", e.Path, remoteevent.DeliveryOf(ctx).Attempt)
		return nil
	}); err != nil {
		return err
	}
	receiver, err := remoteevent.NewReceiver(client, mux)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- receiver.Run(running) }()
	for len(d.survival.again) < holdCount && err == nil {
		select {
		case path := <-got:
			d.survival.again = append(d.survival.again, path)
		case <-time.After(20 * time.Second):
			err = errors.New("what the dead consumer held did not come back")
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
		err = fmt.Errorf("%d events are left", left)
	}
	return err
}

// account tells what happened.
func (s *survival) account(row func(label, text string)) {
	names := func(paths []string) string { return strings.ReplaceAll(strings.Join(paths, ", "), "/uploads/", "") }
	row("held", fmt.Sprintf("%s; kill -9; Redis still has %d", names(s.held), s.leased))
	row("then", fmt.Sprintf("another consumer gets, %.1f s later, %s; lost: %d", s.took.Seconds(), names(s.again), s.lost))
}
