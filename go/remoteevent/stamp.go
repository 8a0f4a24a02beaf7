package remoteevent

import (
	"encoding/binary"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/remote-events/remote-events/go/internal/layout"
	"github.com/remote-events/remote-events/go/wire"
)

// Stamp returns the envelope with an id, a UUIDv7, and the time, unless it has
// them, as [Sender.Send] sends it. It is for a caller that wants to know the id
// before the event is sent. The attributes are a copy.
//
// It implements SEND-4.
func Stamp(env wire.Envelope) wire.Envelope {
	now := time.Now()
	attributes := map[string]string{
		wire.AttributeID:   string(appendID(nil, now)),
		wire.AttributeTime: string(appendTime(nil, now)),
	}
	maps.Copy(attributes, env.Metadata.Attributes)
	env.Metadata.Attributes = attributes
	return env
}

// stamp gives a new event its attributes.
func (s *Sender) stamp(env *wire.Envelope) {
	if _, known := env.Metadata.Attributes[wire.AttributeID]; known || s.config.plain {
		return
	}
	*env = Stamp(*env)
	if s.config.source != "" && env.Metadata.Attributes[wire.AttributeSource] == "" {
		env.Metadata.Attributes[wire.AttributeSource] = s.config.source
	}
}

// appendStamp appends the attributes of a new event to its message, in the order
// of their names.
func (s *Sender) appendStamp(dst []byte, now time.Time) []byte {
	dst = append(dst, stampBegin...)
	dst = appendID(dst, now)
	dst = append(dst, '"')
	if s.config.source != "" {
		dst = layout.AppendAttribute(dst, false, wire.AttributeSource, s.config.source)
	}
	dst = append(dst, `, "time": "`...)
	dst = appendTime(dst, now)
	return append(dst, '"')
}

// stampBegin precedes the id in the text of appendStamp.
const stampBegin = `, "metadata": {"id": "`

// stampedID returns the id in the text of appendStamp.
func stampedID(stamp []byte) string { return string(stamp[len(stampBegin):][:idBytes]) }

// idBytes is the length of an id as text.
const idBytes = 36

// appendID appends a UUIDv7 (RFC 9562): the time in milliseconds, then random bits,
// which must be unique but not secret.
func appendID(dst []byte, now time.Time) []byte {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], uint64(now.UnixMilli())<<16|0x7000|rand.Uint64()&0x0FFF)
	binary.BigEndian.PutUint64(id[8:], 1<<63|rand.Uint64()&(1<<62-1))
	var digits [32]byte
	hex.Encode(digits[:], id[:])
	dst = append(append(dst, digits[:8]...), '-')
	dst = append(append(dst, digits[8:12]...), '-')
	dst = append(append(dst, digits[12:16]...), '-')
	dst = append(append(dst, digits[16:20]...), '-')
	return append(dst, digits[20:]...)
}

// second is a second of UTC as text, up to the point before its fraction.
type second struct {
	unix int64
	text string
}

var lastSecond atomic.Pointer[second]

// appendTime appends a time in RFC 3339, of UTC and with milliseconds.
func appendTime(dst []byte, now time.Time) []byte {
	s := lastSecond.Load()
	if unix := now.Unix(); s == nil || s.unix != unix {
		s = &second{unix, now.UTC().Format("2006-01-02T15:04:05.")}
		lastSecond.Store(s)
	}
	ms := now.Nanosecond() / 1e6
	return append(append(dst, s.text...), byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z') //nolint:gosec // digits
}
