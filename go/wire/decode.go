package wire

// Decode reads a raw message. It takes all that is not malformed, Python's
// dialect of JSON included, and returns a *MalformedError for the rest. The
// payload is a part of raw, which must not be changed while the envelope is in
// use. EventName is the first signal, whichever list the message came by. It is
// [Scan] and [Message.Envelope] in one: who needs less than the whole envelope
// allocates less with these.
//
// It implements RECV-1 to RECV-4.
func Decode(raw []byte, limits Limits) (Envelope, error) {
	message, err := Scan(raw, limits)
	if err != nil {
		return Envelope{}, err
	}
	return message.Envelope(), nil
}

// MalformedError says why a message cannot be delivered. It quotes nothing of
// the message.
type MalformedError struct {
	// Finding is the first fault that makes the message malformed.
	Finding Finding
}

func (e *MalformedError) Error() string {
	if e == nil {
		return "no message is malformed"
	}
	return "malformed message: " + e.Finding.String()
}
