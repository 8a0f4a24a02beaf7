package lease

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

var errReply = errors.New("unexpected reply of a script")

// positions converts a reply of positions, which count from 1, to indexes.
func positions(c *redis.Cmd) ([]int, error) {
	numbers, err := c.Int64Slice()
	if err != nil {
		return nil, err
	}
	indexes := make([]int, len(numbers))
	for i, n := range numbers {
		indexes[i] = int(n) - 1
	}
	return indexes, nil
}

// firstIndex is the index of the first message of a claim. Every index has four
// digits, so that ids sort by age.
const firstIndex = 1001

// readReply parses the reply of exchange.
func readReply(c *redis.Cmd) (Reply, error) {
	parts, err := c.Slice()
	if err != nil {
		return Reply{}, err
	}
	const all, always = 7, 3
	if len(parts) < always || len(parts) > all {
		return Reply{}, errReply
	}
	for len(parts) < all { // the script omits empty arrays at the end
		parts = append(parts, []any{})
	}
	due, ok1 := parts[0].(int64)
	name, ok2 := parts[1].(string)
	fresh, ok3 := parts[2].([]any)
	failed, ok4 := parts[3].([]any)
	died, ok5 := parts[4].([]any)
	acknowledgeLost, ok6 := indexes(parts[5])
	nackLost, ok7 := indexes(parts[6])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || !ok7 || len(failed)%5 != 0 || len(died)%2 != 0 {
		return Reply{}, errReply
	}
	reply := Reply{AcknowledgeLost: acknowledgeLost, NackLost: nackLost}
	reply.Claimed.Due = time.Duration(due) * time.Millisecond
	for i := 0; i < len(died); i += 2 {
		id, isID := died[i].(string)
		reason, isReason := died[i+1].(string)
		if !isID || !isReason {
			return Reply{}, errReply
		}
		reply.Claimed.Died = append(reply.Claimed.Died, Death{id, reason})
	}
	reply.Claimed.Messages, err = interleave(name, fresh, failed)
	return reply, err
}

// interleave inserts the messages that have failed before among the fresh ones: one
// after every seven.
func interleave(name string, fresh, failed []any) ([]Message, error) {
	const seven = 7
	messages := make([]Message, 0, len(fresh)+len(failed)/5)
	ids := freshIDs(name, len(fresh))
	for i, body := range fresh {
		text, ok := body.(string)
		if !ok {
			return nil, fmt.Errorf("%w: message %d", errReply, i+1)
		}
		messages = append(messages, Message{Handle: Handle{ids(i), name}, Attempt: 1, Body: text})
		if len(failed) > 0 && i%seven == seven-1 {
			m, err := failedMessage(failed[:5])
			if err != nil {
				return nil, err
			}
			messages, failed = append(messages, m), failed[5:]
		}
	}
	for len(failed) > 0 {
		m, err := failedMessage(failed[:5])
		if err != nil {
			return nil, err
		}
		messages, failed = append(messages, m), failed[5:]
	}
	return messages, nil
}

// freshIDs returns the ids of a claim's fresh messages, by index. All ids are slices
// of one string. They have the same length, because every index has four digits.
func freshIDs(claim string, n int) func(i int) string {
	size := len(claim) + len("-") + len("1001")
	text := make([]byte, 0, n*size)
	for i := range n {
		text = append(text, claim...)
		text = strconv.AppendInt(append(text, '-'), int64(firstIndex+i), 10)
	}
	all := string(text)
	return func(i int) string { return all[i*size : (i+1)*size] }
}

// failedMessage parses claim, deliveries, pardons, reason and body.
func failedMessage(parts []any) (Message, error) {
	claim, ok1 := parts[0].(string)
	attempt, ok2 := parts[1].(int64)
	pardons, ok3 := parts[2].(int64)
	reason, ok4 := parts[3].(string)
	body, ok5 := parts[4].(string)
	mark := strings.LastIndexAny(claim, "/!")
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || mark < 0 {
		return Message{}, errReply
	}
	return Message{Handle{claim[:mark], claim}, int(attempt), int(pardons), body, reason, claim[mark] == '!'}, nil
}

func indexes(part any) ([]int, bool) {
	numbers, ok := part.([]any)
	if !ok || len(numbers) == 0 {
		return nil, ok
	}
	all := make([]int, len(numbers))
	for i, number := range numbers {
		n, isNumber := number.(int64)
		if !isNumber {
			return nil, false
		}
		all[i] = int(n) - 1
	}
	return all, true
}
