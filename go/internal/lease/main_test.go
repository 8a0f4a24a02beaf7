package lease

import (
	"context"
	"flag"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var background = context.Background()

// TestMain sets defaults of rapid's flags: one check of many operations instead of many short
// ones, and no search for a shorter failing sequence. Set -rapid.shrinktime for the search.
func TestMain(m *testing.M) {
	flag.Parse()
	for name, value := range map[string]string{"rapid.checks": "1", "rapid.shrinktime": "0s", "rapid.nofailfile": "true"} {
		if !given(name) {
			setFlag(name, value)
		}
	}
	if testing.Short() { // rapid runs a fifth of the checks; of fewer than five, none
		checks, err := strconv.Atoi(flag.Lookup("rapid.checks").Value.String())
		if err != nil {
			panic(err)
		}
		setFlag("rapid.checks", strconv.Itoa(5*max(1, checks)))
	}
	goleak.VerifyTestMain(m)
}

// given reports whether the command line or the environment sets a flag of rapid.
func given(name string) bool {
	var names []string
	flag.Visit(func(f *flag.Flag) { names = append(names, f.Name) })
	_, variable := os.LookupEnv(strings.ToUpper(strings.ReplaceAll(name, ".", "_")))
	return variable || slices.Contains(names, name)
}

func setFlag(name, value string) {
	if err := flag.Set(name, value); err != nil {
		panic(err)
	}
}
