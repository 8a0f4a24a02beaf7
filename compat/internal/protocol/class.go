package protocol

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/remote-events/remote-events/spec"
)

// Class is a class of conformance (wire.md, section 16) that an implementation claims.
type Class string

// The classes that implementations of this repository claim.
const (
	Sender              Class = "sender"
	LegacySafeSender    Class = "legacy-safe sender"
	Receiver            Class = "receiver"
	ReliableReceiver    Class = "reliable receiver"
	Validator           Class = "validator"
	Converter           Class = "converter"
	ConfigurationReader Class = "configuration reader"
)

// Classes returns the classes of the specification.
func Classes() []spec.Class { return slices.Clone(classes()) }

var classes = sync.OnceValue(func() []spec.Class {
	all, err := spec.ReadClasses()
	if err != nil {
		return nil // the tests of package spec read the file
	}
	return all.Classes
})

// ReceiveReliably stands for the operation "receive" with the member reliable, which tests
// other classes than "receive" alone.
const ReceiveReliably = "receive reliably"

// Gets reports whether a class gets requests with an operation: "send", "receive",
// ReceiveReliably or "evaluate".
func (c Class) Gets(op string) bool {
	return slices.ContainsFunc(classes(), func(class spec.Class) bool { return class.Name == string(c) && class.Request == op })
}

// checkClasses returns an error for a class that the specification does not have.
func checkClasses(claimed []Class) error {
	var names []string
	for _, class := range classes() {
		names = append(names, class.Name)
	}
	for _, c := range claimed {
		if !slices.Contains(names, string(c)) {
			return fmt.Errorf("hello claims the class %q, which does not exist; the classes are: %s", c, strings.Join(names, ", "))
		}
	}
	return nil
}
