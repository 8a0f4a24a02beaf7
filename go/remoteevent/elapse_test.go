package remoteevent

import "time"

// elapse lets virtual time pass. The caller runs in a bubble of testing/synctest, in which
// time begins with the year 2000; elsewhere a test waits for an event instead.
func elapse(d time.Duration) {
	if time.Now().Year() > 2020 {
		panic("elapse is called outside a bubble")
	}
	time.Sleep(d) //nolint:forbidigo // virtual time
}
