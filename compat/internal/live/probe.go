// Package live runs cases with a running application, through the probe bundle that its
// user has added to it. Harness and probe communicate over Redis, on keys of the probe:
//
//	compat:probe:ID                  the announcement of the application; it expires
//	compat:probe:ID:held             a harness uses the application; it expires
//	compat:probe:ID:requests         a list of requests
//	compat:probe:ID:reports:SESSION  a list of answers and observations
package live

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/engine"
	"github.com/remote-events/remote-events/compat/internal/protocol"
)

// announced is the prefix of the keys of all probes.
const announced = "compat:probe:"

var (
	// ErrNoProbe reports that there is no such application.
	ErrNoProbe = errors.New("no application with a probe")
	// ErrSeveral reports that there are several applications, and none is selected.
	ErrSeveral = errors.New("several applications have a probe")
	// ErrUnsupported reports that cases cannot run with the application.
	ErrUnsupported = errors.New("the application cannot be tested")
	// ErrBusy reports that another harness uses the application.
	ErrBusy = errors.New("another compat live is testing the application")
	// ErrStopped reports that the application has stopped.
	ErrStopped = errors.New("the application has stopped")
)

const (
	// held is how long a probe continues after the last sign of a harness.
	held = 15 * time.Second
	// looked is the interval at which the harness checks that the application runs.
	looked = time.Second
	// connections is more than the maximum number of parallel sessions.
	connections = 50
	// clearTimeout is the timeout for the removal of the keys at the end.
	clearTimeout = 10 * time.Second
)

// Probe is an application with a probe, found by Find, to be closed.
type Probe struct {
	// ID has host, process and a random part.
	ID string
	// Listens has the signals to which the application listens.
	Listens []string

	client *redis.Client
	// present ends with ErrStopped when the application stops. It does not end with an
	// interruption, so that sessions can stop in an orderly way.
	present context.Context //nolint:containedctx // it ends with the application, not with a call
}

// announcement is the description of an application by its probe.
type announcement struct {
	Protocol    int      `json:"protocol"`
	Listens     []string `json:"listens"`
	Unsupported string   `json:"unsupported"`
}

// Find finds the probe whose ID begins with id in the Redis of the URL; with ""
// the only one there is. Its errors are ErrNoProbe, ErrSeveral, ErrUnsupported,
// and errors of Redis.
func Find(ctx context.Context, url, id string) (*Probe, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("the URL of Redis is not valid") // no detail: it may hold the password
	}
	options.MaxRetries = -1 // an event that is asked for twice is sent twice
	options.PoolSize = connections
	client := redis.NewClient(options)
	p, err := find(ctx, client, id)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return p, nil
}

func find(ctx context.Context, client *redis.Client, id string) (*Probe, error) {
	ids, err := all(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("look for probes: %w", err)
	}
	matching := slices.DeleteFunc(slices.Clone(ids), func(one string) bool { return !strings.HasPrefix(one, id) })
	if slices.Contains(ids, id) {
		matching = []string{id}
	}
	switch {
	case len(ids) == 0:
		return nil, fmt.Errorf("%w announces itself in this Redis: add RemoteEventProbeBundle of compat/probe to the application's "+
			"bundles and start it; if it runs with it already, is this its Redis, and the same database? its log has a line of remote-event-probe", ErrNoProbe)
	case len(matching) == 0:
		return nil, fmt.Errorf("%w is called %q; there are %s", ErrNoProbe, id, strings.Join(ids, ", "))
	case len(matching) > 1:
		return nil, fmt.Errorf("%w: set --probe to one of %s", ErrSeveral, strings.Join(matching, ", "))
	}
	p := &Probe{ID: matching[0], client: client}
	text, err := client.Get(ctx, p.key()).Bytes()
	if err != nil {
		return nil, fmt.Errorf("read the announcement of the probe %s: %w", p.ID, err)
	}
	var a announcement
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("the announcement of the probe %s: %w", p.ID, err)
	}
	switch {
	case a.Protocol != protocol.Version:
		return nil, fmt.Errorf("%w: its probe speaks version %d, and this command version %d: copy remote_event_probe.py again", ErrUnsupported, a.Protocol, protocol.Version)
	case a.Unsupported != "":
		return nil, fmt.Errorf("%w, according to its probe %s: %s", ErrUnsupported, p.ID, strings.TrimPrefix(a.Unsupported, "unsupported: "))
	}
	p.Listens = a.Listens
	return p, nil
}

// all returns the IDs of the probes with an announcement.
func all(ctx context.Context, client *redis.Client) ([]string, error) {
	var ids []string
	keys := client.Scan(ctx, 0, announced+"*", 1000).Iterator()
	for keys.Next(ctx) {
		// The other keys of a probe have its ID and more.
		if id := strings.TrimPrefix(keys.Val(), announced); !strings.Contains(id, ":") && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, keys.Err()
}

func (p *Probe) key() string { return announced + p.ID }

// Hold reserves the application until release, which removes the keys of the sessions and
// closes the probe. The context that it returns ends with ErrStopped when the application
// stops, and otherwise with ctx. A probe that is not held must be closed by Close.
func (p *Probe) Hold(ctx context.Context) (alive context.Context, release func() error, err error) {
	taken, err := p.client.SetNX(ctx, p.key()+":held", rand.Text(), held).Result()
	if err != nil {
		return nil, nil, fmt.Errorf("take the probe %s: %w", p.ID, err)
	}
	if !taken {
		return nil, nil, fmt.Errorf("%w (%s); if that one was killed, the application is free in %.0f s", ErrBusy, p.ID, held.Seconds())
	}
	present, leave := context.WithCancelCause(context.WithoutCancel(ctx))
	alive, end := context.WithCancelCause(ctx)
	context.AfterFunc(present, func() { end(context.Cause(present)) })
	p.present = present
	var watching sync.WaitGroup
	watching.Go(func() { p.watch(present, leave) })
	return alive, func() error {
		leave(nil)
		watching.Wait()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearTimeout)
		defer cancel()
		return errors.Join(p.clear(ctx), p.Close())
	}, nil
}

// Close closes the connections of a probe that is not held.
func (p *Probe) Close() error { return p.client.Close() }

// watch renews the reservation, and checks that the application runs.
func (p *Probe) watch(ctx context.Context, leave context.CancelCauseFunc) {
	ticker := time.NewTicker(looked)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		// The sessions report an error of Redis.
		p.client.Expire(ctx, p.key()+":held", held)
		if there, err := p.client.Exists(ctx, p.key()).Result(); err == nil && there == 0 {
			leave(fmt.Errorf("%w: its probe %s no longer has an announcement", ErrStopped, p.ID))
			return
		}
	}
}

// clear removes the keys of the sessions. The probe removes its announcement.
func (p *Probe) clear(ctx context.Context) error {
	keys := p.client.Scan(ctx, 0, announced+"*", 1000).Iterator()
	for keys.Next(ctx) {
		if strings.HasPrefix(keys.Val(), p.key()+":") {
			if err := p.client.Del(ctx, keys.Val()).Err(); err != nil {
				return fmt.Errorf("remove %s: %w", keys.Val(), err)
			}
		}
	}
	return keys.Err()
}

// Implementation returns the application as an implementation while it is held.
func (p *Probe) Implementation() engine.Implementation {
	return engine.Implementation{Original: true, Start: func(_ context.Context, setting engine.Setting) (engine.Process, error) {
		return p.start(setting), nil
	}}
}
