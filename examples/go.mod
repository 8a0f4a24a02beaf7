module github.com/remote-events/remote-events/examples

go 1.26.0

require github.com/remote-events/remote-events v0.0.0

// Until the first release the satellite modules build against the tree they
// stand in; a release drops this line.
replace github.com/remote-events/remote-events => ..
