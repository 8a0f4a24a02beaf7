package remoteevent

import (
	"bytes"
	"strings"
)

// library is the prefix of the names of this module's functions.
const library = "github.com/remote-events/remote-events/go/"

// userStack returns a stack without the functions of this library, and without those that
// raise and recover the panic. A stack of this library alone stays as it is.
func userStack(stack []byte) []byte {
	lines := bytes.SplitAfter(stack, []byte("\n"))
	var kept [][]byte
	raised := false // the call of panic, below which the stack of the user begins
	for i := 1; i+1 < len(lines); i += 2 {
		function, created := strings.CutPrefix(string(lines[i]), "created by ")
		switch {
		case !raised:
			raised = strings.HasPrefix(function, "panic(")
		case len(kept) == 0 && strings.HasPrefix(function, "runtime."): // which raised it
		case strings.HasPrefix(function, "sync.(*WaitGroup).Go"), isLibrary(function, string(lines[i+1])):
		case created && len(kept) == 0:
		default:
			kept = append(kept, lines[i], lines[i+1])
		}
	}
	if len(kept) == 0 {
		return stack
	}
	return bytes.Join(append([][]byte{lines[0]}, kept...), nil)
}

// isLibrary reports whether a function of a stack, with its place, belongs to this library.
func isLibrary(function, place string) bool {
	name, ok := strings.CutPrefix(function, library)
	if !ok {
		return false
	}
	name, _, _ = strings.Cut(name, "(")
	pkg, _, _ := strings.Cut(name[strings.LastIndexByte(name, '/')+1:], ".")
	return !strings.HasSuffix(pkg, "_test") && !strings.Contains(place, "_test.go:")
}
