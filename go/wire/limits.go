package wire

// The defaults of [Limits], and the fixed limits.
const (
	// DefaultSendBytes is the default maximum size of a sent message: 1 MiB.
	DefaultSendBytes = 1 << 20
	// DefaultReceiveBytes is the default maximum size of a received message: 64 MiB.
	DefaultReceiveBytes = 64 << 20
	// MaxSendDepth is the maximum nesting of objects and arrays in a sent message. The
	// message itself counts as 1. Python receivers fail at some thousands of levels,
	// depending on the platform.
	MaxSendDepth = 512
	// MaxReceiveDepth is the maximum nesting in a received message.
	MaxReceiveDepth = 10_000
	// MaxIntegerDigits is the maximum length of an integer that Python parses.
	MaxIntegerDigits = 4300
)

// Limits limits the size of messages, in bytes. A zero field means the default.
type Limits struct {
	// SendBytes is the maximum size of a portable message (LIMIT-2).
	SendBytes int
	// ReceiveBytes is the maximum size of a received message (LIMIT-3).
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
