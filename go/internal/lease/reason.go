package lease

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Code classifies the failure of a message.
type Code string

// The codes of REL-25.
const (
	Failed    Code = "failed"
	Panicked  Code = "panicked"
	Permanent Code = "permanent"
	Malformed Code = "malformed"
	Schema    Code = "schema"
	Expired   Code = "expired"
	Imported  Code = "imported"
)

// Codes returns all codes.
func Codes() []Code {
	return []Code{Failed, Panicked, Permanent, Malformed, Schema, Expired, Imported}
}

// Reason is the reason of a failure. It contains nothing of the payload.
type Reason struct {
	Code  Code     `json:"code"`
	Error string   `json:"error,omitempty"`
	Chain []string `json:"chain,omitempty"`
}

const (
	maxReasonBytes = 16 << 10
	maxErrorBytes  = 2000
	maxChain       = 5
)

// String returns the reason as JSON, truncated to at most 16 KiB.
func (r Reason) String() string {
	r.Error = cut(r.Error)
	chain := make([]string, 0, min(len(r.Chain), maxChain))
	for _, text := range r.Chain[:min(len(r.Chain), maxChain)] {
		chain = append(chain, cut(text))
	}
	r.Chain = chain
	if text, err := json.Marshal(r); err == nil && len(text) <= maxReasonBytes {
		return string(text)
	}
	return `{"code":` + strconv.Quote(string(r.Code)) + `}` // the escapes exceed the limit
}

// ParseReason parses a reason. Text that is not a reason becomes an Error without a
// code (REL-26).
func ParseReason(text string) Reason {
	var r Reason
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return Reason{Error: cut(text)}
	}
	return r
}

func cut(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= maxErrorBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxErrorBytes], "") + "…"
}
