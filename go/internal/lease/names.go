package lease

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Prefix begins the names of all companion keys, and of no queue (REL-2).
const Prefix = "remote-event:v1:"

// ErrReserved rejects a queue whose name is reserved for companion keys.
var ErrReserved = errors.New("names that begin with " + Prefix + " are reserved for companion keys")

// Kind is the kind of a companion key.
type Kind string

// The kinds of companion keys, in the order in which scripts take them.
const (
	Staging  Kind = "staging"
	Bodies   Kind = "bodies"
	Claims   Kind = "claims"
	Retries  Kind = "retries"
	Suspects Kind = "suspects"
	Dead     Kind = "dead"
	Attempts Kind = "attempts"
	Reasons  Kind = "reasons"
	Seen     Kind = "seen"
)

// Kinds returns all kinds, in the order in which scripts take them.
func Kinds() []Kind {
	return []Kind{Staging, Bodies, Claims, Retries, Suspects, Dead, Attempts, Reasons, Seen}
}

// Companion returns the name of a queue's companion key (REL-3). Both keys are in one
// hash slot.
func Companion(kind Kind, queue string) string {
	return companion(Tag(queue), kind, queue)
}

func companion(tag string, kind Kind, queue string) string {
	return Prefix + "{" + tag + "}:" + string(kind) + ":" + queue
}

// Check returns an error for a reserved name.
func Check(queue string) error {
	if strings.HasPrefix(queue, Prefix) {
		return fmt.Errorf("queue %q: %w", queue, ErrReserved)
	}
	return nil
}

// Tag returns the hash tag of a queue's companion keys (REL-4): the hash tag within
// the queue's name, else the name itself if it can be in braces, else the smallest
// number of the same slot.
func Tag(queue string) string {
	if tag, ok := ownTag(queue); ok {
		return tag
	}
	if queue != "" && !strings.Contains(queue, "}") {
		return queue
	}
	slot := Slot(queue)
	for n := 0; ; n++ { // the numbers below 150,000 reach every slot
		if tag := strconv.Itoa(n); crc16(tag)%slots == slot {
			return tag
		}
	}
}

// ownTag returns the hash tag within a name.
func ownTag(name string) (string, bool) {
	_, rest, open := strings.Cut(name, "{")
	tag, _, closed := strings.Cut(rest, "}")
	return tag, open && closed && tag != ""
}

const slots = 16384

// Slot returns the hash slot of a key.
func Slot(key string) uint16 {
	if tag, ok := ownTag(key); ok {
		key = tag
	}
	return crc16(key) % slots
}

// crc16 is CRC-16/XMODEM.
func crc16(text string) uint16 {
	var crc uint16
	for i := range len(text) {
		crc ^= uint16(text[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// QueueOf returns the queue of a companion key. ok is false if the name does not belong to
// a companion key. The kind may be unknown.
func QueueOf(companion string) (queue string, ok bool) {
	rest, found := strings.CutPrefix(companion, Prefix+"{")
	if !found {
		return "", false
	}
	_, rest, _ = strings.Cut(rest, "}:") // no tag contains a closing brace
	kind, queue, found := strings.Cut(rest, ":")
	return queue, found && Companion(Kind(kind), queue) == companion
}
