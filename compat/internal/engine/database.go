package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remote-events/remote-events/compat/internal/suite"
)

// elsewhere waits until only the lists of the step have events of the scenario.
func (s *scenario) elsewhere(ctx context.Context, step suite.Step) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		key, err := s.stray(context.WithoutCancel(ctx), step)
		if err != nil || key == "" {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return wrong("the list %q has events of %q, too (SEND-3, DISP-4)", key, step.Names())
		}
	}
}

// stray returns the key of a list that has an event and is not a queue of the step.
func (s *scenario) stray(ctx context.Context, step suite.Step) (string, error) {
	var queues []string
	for _, name := range step.Names() {
		queues = append(queues, s.lane.prefix+name)
	}
	keys, err := s.lane.redis.Keys(ctx, s.lane.shared+"*").Result()
	if err != nil {
		return "", fmt.Errorf("list the keys: %w", err)
	}
	for _, key := range keys {
		if slices.Contains(queues, key) {
			continue
		}
		kind, err := s.lane.redis.Type(ctx, key).Result()
		if err != nil {
			return "", fmt.Errorf("read the type of %q: %w", key, err)
		}
		if kind != "list" {
			continue // it has gone, or nobody receives from it
		}
		content, err := s.lane.redis.LRange(ctx, key, 0, -1).Result()
		if err != nil {
			return "", fmt.Errorf("read the list %q: %w", key, err)
		}
		if strings.Contains(strings.Join(content, ""), payloadSecret) {
			return key, nil
		}
	}
	return "", nil
}

// attributes checks the ids and the times that senders have added to events.
func (s *scenario) attributes(ctx context.Context, step suite.Step) error {
	raws, err := s.lane.redis.LRange(ctx, s.lane.prefix+step.Queue, 0, -1).Result()
	if err != nil {
		return err
	}
	ids := map[string]bool{}
	for _, raw := range raws {
		var message struct {
			Metadata map[string]string `json:"metadata"`
		}
		if err := json.Unmarshal([]byte(raw), &message); err != nil {
			return wrong("the list has a message that is not valid: %w", err)
		}
		if id, ok := message.Metadata["id"]; ok {
			if ids[id] {
				return wrong("two events have the id %q (META-5)", id)
			}
			ids[id] = true
		}
		if text, ok := message.Metadata["time"]; ok {
			const tolerance = 5 * time.Second // a time may lack fractions, and a clock be set
			at, err := time.Parse(time.RFC3339, strings.ToUpper(text))
			if err != nil {
				return wrong("the time %q is not valid: %w", text, err)
			}
			if at.Before(s.trace.began.Add(-tolerance)) || at.After(time.Now().Add(tolerance)) {
				return wrong("an event has the time %s at %s (META-5)", text, time.Now().UTC().Format(time.RFC3339))
			}
		}
	}
	return nil
}
