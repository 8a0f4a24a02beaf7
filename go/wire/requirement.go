package wire

// Requirement is the id of a requirement of the specification, spec/wire.md.
// Ids are stable: one that is withdrawn is never given to another rule.
type Requirement string

// The requirements that findings name.
const (
	ReqUTF8          Requirement = "JSON-1" // valid UTF-8, no byte order mark
	ReqSyntax        Requirement = "JSON-2" // one JSON text
	ReqObject        Requirement = "JSON-3" // which is an object
	ReqFinite        Requirement = "JSON-4" // no NaN, no infinity
	ReqUniqueNames   Requirement = "JSON-5" // no member twice in one object
	ReqFloatRange    Requirement = "JSON-6" // no number beyond a float64's range
	ReqIntegerDigits Requirement = "JSON-7" // no integer of more than 4,300 digits
	ReqSafeInteger   Requirement = "JSON-8" // no integer beyond ±(2⁵³−1), if it can be helped
	ReqSurrogates    Requirement = "JSON-9" // no surrogate without its partner

	ReqData           Requirement = "WIRE-1" // data is there and an object
	ReqSignals        Requirement = "WIRE-2" // signals is there and a non-empty array
	ReqSignalStrings  Requirement = "WIRE-3" // of strings
	ReqUnknownMembers Requirement = "WIRE-4" // nothing else at the top, metadata aside
	ReqReservedData   Requirement = "WIRE-5" // no _signals, no _propagated in data

	ReqFirstSignal    Requirement = "SIG-1" // the first signal is the event's name, the list's key
	ReqBaseSignals    Requirement = "SIG-2" // the last two are remote_event and event
	ReqUniqueSignals  Requirement = "SIG-3" // no signal twice
	ReqReservedSignal Requirement = "SIG-4" // no signal of the kernel's

	ReqMetadataObject  Requirement = "META-1" // metadata is an object
	ReqMetadataNames   Requirement = "META-2" // its names are lower-case letters and digits
	ReqMetadataStrings Requirement = "META-3" // its values are strings
	ReqMetadataEmpty   Requirement = "META-4" // left out where empty
	ReqMetadataValues  Requirement = "META-5" // defined attributes have their defined form

	ReqDepth        Requirement = "LIMIT-1" // what a sender may nest
	ReqSize         Requirement = "LIMIT-2" // how much a sender may write
	ReqReceiveSize  Requirement = "LIMIT-3" // how much a receiver takes
	ReqReceiveDepth Requirement = "LIMIT-4" // how deep a receiver follows

	ReqSendSchema    Requirement = "SCHEMA-1" // the payload fits the sender's schema of the event
	ReqReceiveSchema Requirement = "SCHEMA-2" // and the receiver's
)
