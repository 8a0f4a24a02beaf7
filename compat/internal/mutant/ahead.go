package mutant

import "sync"

// ahead has the messages that were fetched and not yet returned. A process has one mutation,
// and may have several queues.
var ahead = struct {
	sync.Mutex

	messages map[string][]string
}{messages: map[string][]string{}}
