package wire

// Decode decodes a raw message, including Python's dialect of JSON. It returns a
// *MalformedError for a malformed message. EventName is the first signal. It does not depend
// on the list of the message. The payload is a slice of raw, which must not change while the
// envelope is in use. Decode combines [Scan] and [Message.Envelope]. To read only a part
// of the envelope, use these: they allocate less.
//
// It implements RECV-1 to RECV-4.
func Decode(raw []byte, limits Limits) (Envelope, error) {
	message, err := Scan(raw, limits)
	if err != nil {
		return Envelope{}, err
	}
	return message.Envelope(), nil
}

// MalformedError explains why a message cannot be delivered. It quotes nothing of
// the message.
type MalformedError struct {
	// Finding is the first finding that makes the message malformed.
	Finding Finding
}

func (e *MalformedError) Error() string {
	if e == nil {
		return "no malformed message"
	}
	return "malformed message: " + e.Finding.String()
}
