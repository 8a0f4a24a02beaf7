package lease

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The permissions of a receiver are exactly the commands of its scripts, and those that it
// sends itself: one less, and something is denied.
func TestCommands(t *testing.T) {
	t.Parallel()
	used := map[string]bool{"blmove": true, "eval": true, "evalsha": true}
	call := regexp.MustCompile(`\bp?call\(\s*'(\w+)'`)
	for _, name := range []string{"exchange", "extend", "release"} {
		for _, match := range call.FindAllStringSubmatch(scripts[name].source, -1) {
			used[strings.ToLower(match[1])] = true
		}
	}
	if got, want := strings.Fields(Commands), slices.Sorted(maps.Keys(used)); !slices.Equal(got, want) {
		t.Errorf("the commands are %q, want %q", got, want)
	}
}
