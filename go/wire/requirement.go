package wire

// Requirement is the id of a requirement of the specification, spec/wire.md.
// Ids are stable: the id of a withdrawn requirement is never reused.
type Requirement string

// The requirements that findings name.
const (
	ReqUTF8          Requirement = "JSON-1" // valid UTF-8, no byte order mark
	ReqSyntax        Requirement = "JSON-2" // one JSON text
	ReqObject        Requirement = "JSON-3" // the text is an object
	ReqFinite        Requirement = "JSON-4" // no NaN, no infinity
	ReqUniqueNames   Requirement = "JSON-5" // no duplicate member in an object
	ReqFloatRange    Requirement = "JSON-6" // no number beyond the range of a float64
	ReqIntegerDigits Requirement = "JSON-7" // no integer with more than 4,300 digits
	ReqSafeInteger   Requirement = "JSON-8" // preferably no integer beyond ±(2⁵³−1)
	ReqSurrogates    Requirement = "JSON-9" // no lone surrogate

	ReqData           Requirement = "WIRE-1" // data is present and an object
	ReqSignals        Requirement = "WIRE-2" // signals is present and a non-empty array
	ReqSignalStrings  Requirement = "WIRE-3" // the elements of signals are strings
	ReqUnknownMembers Requirement = "WIRE-4" // no members but data, signals and metadata
	ReqReservedData   Requirement = "WIRE-5" // no reserved member in data, such as _signals

	ReqFirstSignal    Requirement = "SIG-1" // the first signal is the event's name, the list's key
	ReqBaseSignals    Requirement = "SIG-2" // the last two are remote_event and event
	ReqUniqueSignals  Requirement = "SIG-3" // no duplicate signal
	ReqReservedSignal Requirement = "SIG-4" // no signal of the kernel

	ReqMetadataObject  Requirement = "META-1" // metadata is an object
	ReqMetadataNames   Requirement = "META-2" // its names are lower-case letters and digits
	ReqMetadataStrings Requirement = "META-3" // its values are strings
	ReqMetadataEmpty   Requirement = "META-4" // metadata is omitted if empty
	ReqMetadataValues  Requirement = "META-5" // defined attributes have their defined form

	ReqDepth        Requirement = "LIMIT-1" // maximum depth of a sent message
	ReqSize         Requirement = "LIMIT-2" // maximum size of a sent message
	ReqReceiveSize  Requirement = "LIMIT-3" // maximum size of a received message
	ReqReceiveDepth Requirement = "LIMIT-4" // maximum depth of a received message

	ReqSendSchema    Requirement = "SCHEMA-1" // the payload fits the sender's schema of the event
	ReqReceiveSchema Requirement = "SCHEMA-2" // the payload fits the receiver's schema of the event
)
