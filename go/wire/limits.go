package wire

// The limits that hold where [Limits] leaves one at zero, and those that are
// no choice.
const (
	// DefaultSendBytes is the longest message that a sender writes: 1 MiB.
	DefaultSendBytes = 1 << 20
	// DefaultReceiveBytes is the longest message that a receiver takes: 64 MiB.
	DefaultReceiveBytes = 64 << 20
	// MaxSendDepth is how deep a sender may nest objects and arrays, the
	// message's own object counted as 1. Python receivers end at some
	// thousand levels, and where exactly depends on the platform.
	MaxSendDepth = 512
	// MaxReceiveDepth is how deep a receiver follows.
	MaxReceiveDepth = 10_000
	// MaxIntegerDigits is the longest integer that Python reads.
	MaxIntegerDigits = 4300
)

// Limits bounds the size of messages, in bytes. The zero value means the
// defaults.
type Limits struct {
	// SendBytes is the longest message that is portable (LIMIT-2).
	SendBytes int
	// ReceiveBytes is the longest message that is taken in (LIMIT-3).
	ReceiveBytes int
}

func (l Limits) orDefaults() Limits {
	if l.SendBytes <= 0 {
		l.SendBytes = DefaultSendBytes
	}
	if l.ReceiveBytes <= 0 {
		l.ReceiveBytes = DefaultReceiveBytes
	}
	return l
}
