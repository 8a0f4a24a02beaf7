package remoteevent

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// simClaims is a queue as a receiver sees it, through a network. It implements
// claims.
type simClaims struct {
	*simQueue

	by          *simReceiver
	interrupted chan struct{}
	blocked     bool
}

var (
	errRefused = errors.New("LOADING Redis is loading the dataset in memory")
	errCut     = errors.New("EOF")
)

// call is a call of Redis about some claims: do is what Redis does at one moment.
func (c *simClaims) call(ctx context.Context, what string, about []string, do func()) error {
	w := c.world
	d := w.random(c.by.name, c.name, what)
	there := 10*time.Microsecond + d.upTo(200*time.Microsecond)
	back := 10*time.Microsecond + d.upTo(200*time.Microsecond)
	fate := d.below(200)
	hangs := d.oneIn(w.rarely(4))
	w.mu.Lock()
	now := time.Now()
	out := c.by.crashed
	for _, o := range w.outage {
		out = out || !w.calm && !now.Before(o.begin) && now.Before(o.end)
	}
	wild := !w.tame && !w.calm || out
	w.mu.Unlock()
	if !wild {
		fate = 199
	}
	if out {
		fate = 0
		if c.by.crashed || !d.oneIn(4) {
			fate = 10
		}
	}
	if fate < 30 {
		defer c.by.stir()
		defer c.faulty(what, about)()
	}
	switch {
	case fate < 10: // the reply is lost
	case fate < 20: // it never gets there
		if hangs {
			<-ctx.Done()
			return ctx.Err()
		}
		w.sleep(ctx, there)
		return errRefused
	case fate < 25:
		there += d.upTo(3 * time.Second)
	case fate < 30:
		back += d.upTo(3 * time.Second)
	}
	locked := func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !c.by.crashed {
			do()
		}
	}
	if !w.sleep(ctx, there) { // Redis gets it all the same
		time.AfterFunc(there-time.Since(now), locked)
		return ctx.Err()
	}
	locked()
	if fate < 10 {
		if hangs {
			<-ctx.Done()
			return ctx.Err()
		}
		return errCut
	}
	if !w.sleep(ctx, back) {
		return ctx.Err()
	}
	return nil
}

// isSlow reports whether a call that began then took longer than calls do.
func isSlow(begun time.Time) bool { return time.Since(begun) > 2*time.Millisecond }

// sleep reports whether the time passed before the context ended.
func (w *world) sleep(ctx context.Context, d time.Duration) bool {
	var timer *time.Timer
	w.mu.Lock()
	if n := len(w.timers) - 1; n >= 0 {
		timer, w.timers = w.timers[n], w.timers[:n]
	}
	w.mu.Unlock()
	if timer == nil {
		timer = time.NewTimer(d)
	} else {
		timer.Reset(d)
	}
	passed := false
	select {
	case <-timer.C:
		passed = true
	case <-ctx.Done():
		timer.Stop()
	}
	w.mu.Lock()
	w.timers = append(w.timers, timer)
	w.mu.Unlock()
	return passed
}

func (c *simClaims) Exchange(ctx context.Context, x lease.Exchange) lease.Reply {
	c.checkReport(&x)
	c.mistakeReport(&x)
	var a lease.Reply
	var claim *simClaim
	begun := time.Now()
	err := c.call(ctx, "exchange", claimsOf(handlesOf(&x)), func() {
		for i, m := range x.Acknowledge {
			if !c.acknowledge(m.Handle) {
				a.AcknowledgeLost = append(a.AcknowledgeLost, i)
			}
		}
		for i, n := range x.Nack {
			if !c.nack(n) {
				a.NackLost = append(a.NackLost, i)
			}
		}
		c.finish(c.by, x.Finished)
		if x.Claim != nil {
			a.Claimed, claim = c.claim(c.by, x.Claim)
		}
		c.changed()
	})
	if err != nil {
		return lease.Reply{Claimed: lease.Claimed{Due: -1}, Err: err}
	}
	if len(x.Acknowledge)+len(x.Nack)+len(a.Claimed.Messages) > 0 {
		c.by.stir()
	}
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	for _, h := range handlesOf(&x) {
		c.all[h.Claim].settled[h.ID] = true
	}
	c.hear(&a.Claimed, claim, begun)
	return a
}

// handlesOf returns the messages that are reported.
func handlesOf(x *lease.Exchange) []lease.Handle {
	handles := make([]lease.Handle, 0, len(x.Acknowledge)+len(x.Nack))
	for _, a := range x.Acknowledge {
		handles = append(handles, a.Handle)
	}
	for _, n := range x.Nack {
		handles = append(handles, n.Handle)
	}
	return handles
}

// claimsOf returns the claims of messages.
func claimsOf(handles []lease.Handle) (names []string) {
	for _, h := range handles {
		if !slices.Contains(names, h.Claim) {
			names = append(names, h.Claim)
		}
	}
	return names
}

// faulty notes the beginning and the end of a call that goes wrong, and that a claim may
// expire while it is reported.
func (c *simClaims) faulty(what string, about []string) (end func()) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	if what == "extend" {
		c.by.failures = append(c.by.failures, time.Now())
	} else {
		for _, name := range about {
			c.all[name].excused = true
		}
	}
	return c.by.faultyCall()
}

// hear records that a receiver learnt of its claim by a call that began at begun. The caller
// holds w.mu.
func (c *simClaims) hear(found *lease.Claimed, claim *simClaim, begun time.Time) {
	if claim == nil {
		return
	}
	claim.heard = time.Now()
	claim.excused = claim.excused || isSlow(begun)
	c.mistakeClaimed(found)
}

func (c *simClaims) Await(ctx context.Context, wait time.Duration, x *lease.Claim) (lease.Claimed, error) {
	c.checkReport(&lease.Exchange{Claim: x})
	var found lease.Claimed
	var claim *simClaim
	arrived := make(chan struct{})
	begun := time.Now()
	if err := c.call(ctx, "wait", nil, func() {
		c.blocked = true
		if len(c.list) > 0 {
			close(arrived)
		} else {
			c.waits = append(c.waits, arrived)
		}
	}); err != nil {
		return lease.Claimed{Due: -1}, err
	}
	slow := isSlow(begun) // the receiver counts the lease from here
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-arrived:
	case <-timer.C:
	case <-c.interrupted:
	case <-ctx.Done():
	}
	c.world.mu.Lock()
	c.waits = slices.DeleteFunc(c.waits, func(wait chan struct{}) bool { return wait == arrived })
	c.blocked = false
	c.world.mu.Unlock()
	if !slow {
		begun = time.Now()
	}
	err := c.call(ctx, "waited", nil, func() {
		if n := len(c.list) - 1; n >= 0 {
			c.stage = slices.Insert(c.stage, 0, c.list[n])
			c.list = c.list[:n]
		}
		found, claim = c.claim(c.by, x)
	})
	if err != nil {
		return lease.Claimed{Due: -1}, err
	}
	c.by.stir()
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	c.hear(&found, claim, begun)
	return found, nil
}

func (c *simClaims) Interrupt(ctx context.Context) {
	_ = c.call(ctx, "interrupt", nil, func() {
		if c.blocked {
			wake(c.interrupted)
		}
	})
}

func (c *simClaims) Release(ctx context.Context, held []lease.Handle, finished []string) (lost []int, err error) {
	held = c.mistakeRelease(held)
	c.checkRelease(held)
	err = c.call(ctx, "release", claimsOf(held), func() {
		lost = c.release(held)
		c.finish(c.by, finished)
		if len(held) > 0 {
			c.world.notef("%s releases %d of %d", c.by.name, len(held)-len(lost), len(held))
		}
	})
	if err != nil {
		return nil, err
	}
	c.by.stir()
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	for _, h := range held {
		c.all[h.Claim].settled[h.ID] = true
	}
	return lost, nil
}

func (c *simClaims) Extend(ctx context.Context, d time.Duration, claims []string) (lost []int, err error) {
	c.checkRenewal(claims)
	begun := time.Now()
	err = c.call(ctx, "extend", claims, func() {
		if c.world.mistake != noRenewal {
			lost = c.extend(claims, d)
		}
	})
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	if err != nil || len(lost) > 0 {
		c.world.notef("%s renews %v: %v are lost, %v", c.by.name, claims, lost, err)
	}
	if err != nil {
		return lost, err
	}
	for i, name := range claims {
		switch claim := c.all[name]; {
		case !slices.Contains(lost, i):
			claim.heard = begun
		case claim.lost.IsZero():
			claim.lost = time.Now()
		}
	}
	return lost, err
}

func (c *simClaims) Remembered(context.Context, string) (bool, error) { return false, nil }
