package mutant

import "sync"

// ahead is what was fetched and not yet handed out. A process has one mutation,
// and may have several queues.
var ahead = struct {
	sync.Mutex

	messages map[string][]string
}{messages: map[string][]string{}}
