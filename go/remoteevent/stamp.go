package remoteevent

import (
	"encoding/binary"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/remote-events/remote-events/go/internal/layout"
	"github.com/remote-events/remote-events/go/wire"
)

// Stamp returns the envelope with an id, a UUIDv7, and the time, where it lacks
// them, as [Sender.Send] sends it. It is for a caller that wants to know the id
// before the event is sent. The attributes are a copy.
//
// It implements SEND-4.
func Stamp(env wire.Envelope) wire.Envelope {
	now := time.Now().UTC()
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
func (s *Sender) appendStamp(dst []byte) []byte {
	now := time.Now().UTC()
	dst = append(dst, `, "metadata": {"id": "`...)
	dst = appendID(dst, now)
	dst = append(dst, '"')
	if s.config.source != "" {
		dst = layout.AppendAttribute(dst, false, wire.AttributeSource, s.config.source)
	}
	dst = append(dst, `, "time": "`...)
	dst = appendTime(dst, now)
	return append(dst, '"')
}

// appendID appends a UUIDv7 (RFC 9562): the time in milliseconds, then chance,
// which has to be unique and not secret.
func appendID(dst []byte, now time.Time) []byte {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], uint64(now.UnixMilli())<<16|rand.Uint64()&0x0FFF|0x7000) //nolint:gosec // a time since 1970
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()&(1<<62-1)|1<<63)
	for i, end := range [...]int{4, 6, 8, 10, 16} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, id[[...]int{0, 4, 6, 8, 10}[i]:end])
	}
	return dst
}

// appendTime appends a time of UTC in RFC 3339, with milliseconds.
func appendTime(dst []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendDigits(dst, year, 4)
	dst = appendDigits(append(dst, '-'), int(month), 2)
	dst = appendDigits(append(dst, '-'), day, 2)
	dst = appendDigits(append(dst, 'T'), hour, 2)
	dst = appendDigits(append(dst, ':'), minute, 2)
	dst = appendDigits(append(dst, ':'), second, 2)
	dst = appendDigits(append(dst, '.'), t.Nanosecond()/1e6, 3)
	return append(dst, 'Z')
}

func appendDigits(dst []byte, n, width int) []byte {
	for range width {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; n > 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}
