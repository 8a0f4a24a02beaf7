package mutant

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	chance "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/compat/internal/protocol"
	"github.com/remote-events/remote-events/go/queueadmin"
	"github.com/remote-events/remote-events/go/wire"
	"github.com/remote-events/remote-events/spec"
)

// leased is the reliable receiver of a queue, a transcription of the pseudocode of
// spec/implementing.md.
type leased struct {
	*adapter

	settings protocol.Reliable
	keys     []string // REL-8
	queue    string
	suspects *sync.Mutex // of the process

	acks, nacks, ended []any // for the next exchange
}

const (
	firstIndex = 1001
	lastDelay  = 10 * time.Minute
	maxBytes   = 1 << 20
	oneSecond  = 1.0
)

// kinds are the kinds of companion keys in the order of KEYS.
var kinds = []string{"staging", "bodies", "claims", "retries", "suspects", "dead", "attempts", "reasons", "seen"}

// newLeased returns the receiver of a queue.
func (a *adapter) newLeased(queue string, settings protocol.Reliable, suspects *sync.Mutex) (*leased, error) {
	r := &leased{adapter: a, settings: settings, queue: queue, suspects: suspects, keys: []string{queue}}
	companions := map[string]string{}
	if q, err := queueadmin.Open(a.client, queue); err == nil {
		companions = q.CompanionKeys()
	} else if a.leasing != anyQueue {
		return nil, err
	}
	for _, kind := range kinds {
		key := companions[kind]
		switch a.leasing {
		case wholeNameAsTag:
			key = fmt.Sprintf("remote-event:v1:{%s}:%s:%s", queue, kind, queue)
		case keysOfItsOwn:
			key = fmt.Sprintf("remote-event:mine:{%s}:%s:%s", queue, kind, queue)
		case anyQueue:
			key = fmt.Sprintf("remote-event:v1:{}:%s:%s", kind, queue)
		default:
		}
		r.keys = append(r.keys, key)
	}
	return r, nil
}

// script runs a script, by its digest if Redis knows it.
func (r *leased) script(ctx context.Context, name string, arguments ...any) ([]any, error) {
	text, err := spec.Files.ReadFile("lua/" + name + ".lua")
	if err != nil {
		return nil, err
	}
	if r.leasing == anotherText {
		text = append([]byte("-- mine\n"), text...)
	}
	sum := sha1.Sum(text)
	reply, err := r.client.EvalSha(ctx, hex.EncodeToString(sum[:]), r.keys, arguments...).Slice()
	if redis.HasErrorPrefix(err, "NOSCRIPT") && (r.leasing != noText || isNew(name)) {
		reply, err = r.client.Eval(ctx, string(text), r.keys, arguments...).Slice()
	}
	return reply, err
}

// isNew reports whether the process asks about a script for the first time.
func isNew(script string) bool {
	_, known := sentScripts.LoadOrStore(script, true)
	return !known
}

var sentScripts sync.Map

// consume receives until ctx ends.
func (r *leased) consume(ctx context.Context) {
	lasting := context.WithoutCancel(ctx)
	for turn := 1; ctx.Err() == nil; turn++ {
		err := r.receive(ctx, lasting, turn%8 == 0)
		if err == nil {
			continue
		}
		if r.leasing == givesUp {
			_ = r.report(protocol.Died{Queue: r.queue, Error: err.Error()})
			return
		}
		if r.leasing == forgetsReport {
			r.acks, r.nacks, r.ended = nil, nil, nil
		}
		pause(ctx)
	}
	r.stop(lasting)
}

// receive claims messages, handles them, and waits if there are none.
func (r *leased) receive(ctx, lasting context.Context, failedFirst bool) error {
	if r.leasing == needsMemory {
		if err := r.client.LMove(lasting, r.queue, r.keys[1], "RIGHT", "LEFT").Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	permitted := r.leasing != noSuspects && (!failedFirst || chance.IntN(2) == 0) && (r.leasing == manySuspects || r.suspects.TryLock())
	unlock := sync.OnceFunc(func() {
		if permitted && r.leasing != manySuspects {
			r.suspects.Unlock()
		}
	})
	defer unlock()
	reply, err := r.exchange(lasting, permitted, failedFirst)
	if err != nil {
		return err
	}
	r.acks, r.nacks, r.ended = nil, nil, nil
	claim, _ := reply[1].(string)
	fresh, failed := list(reply, 2), list(reply, 3)
	if !slices.ContainsFunc(failed, func(v any) bool { return strings.Contains(fmt.Sprint(v), "!") }) {
		unlock()
	}
	for i, body := range fresh {
		r.handle(ctx, lasting, claim, firstIndex+i, body.(string), 1) //nolint:forcetypeassert // the reply of the script
		if i == len(fresh)-1 && r.leasing != claimsStay {
			r.ended = append(r.ended, claim)
		}
	}
	for entry := range slices.Chunk(failed, 5) { //nolint:mnd // claim, deliveries, pardoned, reason, body
		if r.leasing == ignoresRetries {
			continue
		}
		deliveries, _ := entry[1].(int64)
		pardoned, _ := entry[2].(int64)
		r.handle(ctx, lasting, entry[0].(string), firstIndex, entry[4].(string), int(deliveries-pardoned)) //nolint:forcetypeassert // as above
	}
	wait, _ := reply[0].(int64)
	if len(fresh)+len(failed) > 0 || wait == 0 {
		return nil
	}
	seconds := oneSecond
	if wait > 0 {
		seconds = min(seconds, float64(wait)/1000)
	}
	if r.leasing == waitsForEver {
		return r.client.BLMove(lasting, r.queue, r.keys[1], "RIGHT", "LEFT", 0).Err()
	}
	if err := r.client.Do(lasting, "BLMOVE", r.queue, r.keys[1], "RIGHT", "LEFT", seconds).Err(); err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	return nil
}

// list returns the array at an index of a reply, nil if it was left out.
func list(reply []any, i int) []any {
	if i >= len(reply) {
		return nil
	}
	all, _ := reply[i].([]any)
	return all
}

// exchange reports outcomes, and claims messages.
func (r *leased) exchange(ctx context.Context, suspect, failedFirst bool) ([]any, error) {
	if r.leasing == popsPlainly {
		return r.pop(ctx)
	}
	token := make([]byte, 16)
	if _, err := rand.Read(token); err != nil {
		return nil, err
	}
	lease, most := r.settings.LeaseMS, 1
	switch r.leasing {
	case leaseInSeconds:
		lease = max(1, lease/1000)
	case hoards:
		most = 100
	default:
	}
	digit := map[bool]int{true: 1}
	return r.script(ctx, "exchange", append(r.reported(), base64.RawURLEncoding.EncodeToString(token), lease, most, maxBytes,
		wire.DefaultReceiveBytes, r.settings.MaxAttempts, digit[suspect], digit[failedFirst])...)
}

// pop takes a message as a plain receiver does.
func (r *leased) pop(ctx context.Context) ([]any, error) {
	popped, err := r.client.BRPop(ctx, time.Second, r.queue).Result()
	if errors.Is(err, redis.Nil) {
		return []any{int64(0), "", []any{}}, nil
	}
	if err != nil {
		return nil, err
	}
	return []any{int64(0), "none", []any{popped[1]}}, nil
}

// reported returns the arguments of exchange that report outcomes.
func (r *leased) reported() []any {
	return slices.Concat([]any{0, 0, len(r.acks) / 3, len(r.nacks) / 4, len(r.ended)}, r.acks, r.nacks, r.ended) //nolint:mnd // claim, first, last; claim, index, delay, reason
}

// handle calls the listeners, and records the outcome for the next exchange.
func (r *leased) handle(ctx, lasting context.Context, claim string, index int, body string, attempt int) {
	if r.leasing == acknowledgesFirst {
		_, _ = r.script(lasting, "exchange", 0, 0, 1, 0, 0, claim, index, index)
	}
	done := make(chan struct{})
	var extending sync.WaitGroup
	extending.Go(func() { r.extend(lasting, claim, done) })
	env, err := wire.Decode([]byte(body), r.limits)
	var failures []error
	if err == nil {
		failures = r.call(env, r.queue)
	}
	close(done)
	extending.Wait()
	if ctx.Err() != nil && r.leasing == noLastReport {
		return
	}
	permanent := len(failures) > 0
	for _, failure := range failures {
		listener, ok := errors.AsType[*protocol.ListenerError](failure)
		permanent = permanent && ok && listener.Permanent
	}
	switch {
	case err != nil && r.leasing != malformedIsDropped:
		text := "malformed"
		if r.leasing == payloadInReason {
			text = "malformed: " + body
		}
		r.nack(claim, index, r.leasing == malformedIsRetried, attempt, "malformed", text)
	case permanent:
		r.nack(claim, index, r.leasing == permanentIsRetried, attempt, "permanent", "a listener failed")
	case len(failures) > 0 && r.leasing != failureIsSuccess:
		dead := attempt >= r.settings.MaxAttempts && r.leasing != neverDies || r.leasing == noRetry
		r.nack(claim, index, !dead, attempt, "failed", "a listener failed")
	case r.leasing == deletesByItself:
		_ = r.client.HDel(lasting, r.keys[2], r.idOf(claim, index)).Err()
		_ = r.client.HDel(lasting, r.keys[7], r.idOf(claim, index)).Err()
	default:
		r.acks = append(r.acks, claim, index, index)
	}
}

// idOf returns the id of a message of a claim.
func (r *leased) idOf(claim string, index int) string {
	if id, _, ok := strings.Cut(claim, "/"); ok {
		return id
	}
	if id, _, ok := strings.Cut(claim, "!"); ok {
		return id
	}
	return fmt.Sprintf("%s-%d", claim, index)
}

// nack records a failure.
func (r *leased) nack(claim string, index int, again bool, attempt int, code, text string) {
	delay := int64(-1)
	if again {
		bound := min(r.settings.RetryMS<<min(attempt-1, 30), max(r.settings.RetryMS, lastDelay.Milliseconds()))
		switch r.leasing {
		case retriesAtOnce:
			bound = 0
		case constantDelay:
			bound = r.settings.RetryMS
		default:
		}
		delay = bound/2 + chance.Int64N(bound/2+1)
	}
	if r.leasing == wrongIndex {
		index = 1
	}
	if r.leasing == oneCode {
		code = "failed"
	}
	reason, err := json.Marshal(map[string]string{"code": code, "error": text})
	if err != nil || r.leasing == reasonAsText {
		reason = []byte(text)
	}
	r.nacks = append(r.nacks, claim, index, delay, reason)
}

// extend extends the lease until done is closed.
func (r *leased) extend(ctx context.Context, claim string, done <-chan struct{}) {
	ticker := time.NewTicker(max(time.Millisecond, time.Duration(r.settings.LeaseMS)*time.Millisecond/3))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if r.leasing != neverExtends && r.leasing != leaseInSeconds {
				_, _ = r.script(ctx, "extend", r.settings.LeaseMS, claim)
			}
		case <-done:
			return
		}
	}
}

// stop reports outcomes, and returns staged messages.
func (r *leased) stop(ctx context.Context) {
	for range 20 {
		_, err := r.script(ctx, "exchange", r.reported()...)
		for err == nil && r.leasing != noRelease {
			r.acks, r.nacks, r.ended = nil, nil, nil
			var reply []any
			if reply, err = r.script(ctx, "release", 0); err == nil && reply[0] == int64(0) {
				return
			}
		}
		if err == nil {
			return
		}
		pause(ctx)
	}
}
