package wire

// Decode reads a raw message. It takes all that is not malformed, Python's
// dialect of JSON included, and returns a *MalformedError for the rest. The
// payload is a part of raw, which must not be changed while the envelope is in
// use. EventName is the first signal, whichever list the message came by.
//
// It implements RECV-1 to RECV-4.
func Decode(raw []byte, limits Limits) (Envelope, error) {
	if fault := oversize(raw, limits.orDefaults()); fault != nil {
		return Envelope{}, &MalformedError{Finding: *fault}
	}
	p, fault := scan(raw, nil)
	if fault == nil {
		fault = p.checkData(raw)
	}
	if fault != nil {
		return Envelope{}, &MalformedError{Finding: *fault}
	}
	names, fault := p.checkSignals(raw)
	if fault != nil {
		return Envelope{}, &MalformedError{Finding: *fault}
	}
	return Envelope{
		EventName: names[0],
		Payload:   p.data.in(raw),
		Metadata:  Metadata{Signals: names, Attributes: p.readMetadata(raw, nil)},
	}, nil
}

// MalformedError says why a message cannot be delivered. It quotes nothing of
// the message.
type MalformedError struct {
	// Finding is the first fault that makes the message malformed.
	Finding Finding
}

func (e *MalformedError) Error() string {
	return "malformed message: " + e.Finding.String()
}
