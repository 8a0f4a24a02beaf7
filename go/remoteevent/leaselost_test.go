package remoteevent

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/lease"
)

// losing is a source with one message, whose claim is lost in one of two ways, and one
// that became a dead letter in the claim.
type losing struct {
	frozen

	refused error // of renewals
	gone    bool  // when the message is acknowledged
}

func (s *losing) open(f *feeder, _ int) error { f.source = s; return nil }

func (s *losing) exchange(ctx context.Context, r report, w want) (taken, error) {
	given := s.given
	t, err := s.frozen.exchange(ctx, r, w)
	if !given && s.given {
		t.died = []lease.Death{{ID: "dead", Reason: `{"code":"expired","error":"crashed"}`}}
	}
	if s.gone {
		t.lost = r.done
	}
	return t, err
}

func (s *losing) extend(context.Context, []string) ([]int, error) { return nil, s.refused }

// infoHook notes what happens to leases, and dispositions.
type infoHook struct {
	lost    []LeaseLostInfo
	handled []HandledInfo
}

func (h *infoHook) OnLeaseLost(_ context.Context, info LeaseLostInfo) { h.lost = append(h.lost, info) }
func (h *infoHook) OnHandled(_ context.Context, info HandledInfo) {
	h.handled = append(h.handled, info)
}

// TestHookOfLostLease: a lease that cannot be renewed, and one that turns out to be gone
// when its event is acknowledged, are observed once, and so is a message that became a
// dead letter without a handler.
func TestHookOfLostLease(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for name, source := range map[string]*losing{"not renewed": {refused: refused}, "gone": {gone: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := redis.NewClient(&redis.Options{}) // never used
			defer client.Close()
			synctest.Test(t, func(t *testing.T) {
				handler := HandlerFunc(func(context.Context, *Delivery) error {
					<-time.After(time.Minute)
					return nil
				})
				h := new(infoHook)
				r, err := NewReceiver(client, handler, WithQueues("q"), WithHooks(h), WithLogger(slog.New(slog.DiscardHandler)))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				source.closed = make(chan struct{})
				if err := r.run(ctx, source); err != nil {
					t.Error(err)
				}
				if len(h.lost) != 1 || h.lost[0].Queue != "q" || h.lost[0].Events != 1 || !errors.Is(h.lost[0].Err, source.refused) {
					t.Errorf("lost: %+v", h.lost)
				}
				dead := slices.IndexFunc(h.handled, func(info HandledInfo) bool { return info.Disposition == DeadLettered })
				if len(h.handled) != 2 || dead < 0 {
					t.Fatalf("handled: %+v", h.handled)
				}
				info := h.handled[dead]
				if info.Queue != "q" || info.Delivery != "dead" || info.Code != "expired" || info.Err == nil || info.Err.Error() != "crashed" {
					t.Errorf("the dead letter is %+v", info)
				}
				if info := h.handled[1-dead]; info.Disposition != Acknowledged || info.Duration != time.Minute {
					t.Errorf("the event is %+v", info)
				}
			})
		})
	}
}

// TestRenewalEndsItsOutage: when only renewals failed, one that succeeds ends the
// outage, although no message is taken meanwhile.
func TestRenewalEndsItsOutage(t *testing.T) {
	t.Parallel()
	o := &outage{log: slog.New(slog.DiscardHandler), limit: new(outageLimit), hooks: new(hooks)}
	failed := errors.New("failed")
	o.report(t.Context(), "renew", failed, 0)
	o.endedOf(t.Context(), "renew")
	if o.failing() {
		t.Error("the outage of renewals has not ended")
	}
	o.report(t.Context(), "renew", failed, 0)
	o.report(t.Context(), "receive", failed, 0)
	o.endedOf(t.Context(), "renew")
	if !o.failing() {
		t.Error("the outage of more than renewals has ended")
	}
	o.ended(t.Context())
	if o.failing() {
		t.Error("the outage has not ended")
	}
}

// losingAhead is a source with a claim of two messages that is lost when it is renewed.
type losingAhead struct {
	frozen
}

func (s *losingAhead) open(f *feeder, _ int) error { f.source = s; return nil }

func (s *losingAhead) exchange(ctx context.Context, r report, w want) (taken, error) {
	t, err := s.frozen.exchange(ctx, r, w)
	if len(t.messages) > 0 {
		t.messages = append(t.messages, &message{
			Handle: lease.Handle{ID: "ahead", Claim: "claim"}, raw: []byte(`{"data": {}, "signals": ["ahead"], "metadata": {"id": "an id"}}`), attempt: 1,
		})
	}
	return t, err
}

func (s *losingAhead) extend(context.Context, []string) ([]int, error) { return []int{0}, nil }

// TestHookOfLostAhead: a message that was fetched ahead and whose lease is lost is observed,
// with its event.
func TestHookOfLostAhead(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{}) // never used
	defer client.Close()
	synctest.Test(t, func(t *testing.T) {
		handler := HandlerFunc(func(ctx context.Context, _ *Delivery) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
		h := new(infoHook)
		r, err := NewReceiver(client, handler, WithQueues("q"), WithPrefetch(1), WithHooks(h), WithLogger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.run(ctx, &losingAhead{frozen{closed: make(chan struct{})}}); err != nil {
			t.Error(err)
		}
		i := slices.IndexFunc(h.handled, func(info HandledInfo) bool { return info.Delivery == "ahead" })
		if len(h.handled) != 2 || i < 0 {
			t.Fatalf("the infos are %+v", h.handled)
		}
		if info := h.handled[i]; info.Disposition != Released || info.Event != "ahead" || info.ID != "an id" || info.Duration != 0 || !errors.Is(info.Err, ErrLeaseLost) {
			t.Errorf("the info is %+v", info)
		}
	})
}
