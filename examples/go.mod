module github.com/remote-events/remote-events/examples

go 1.26.0

require (
	github.com/redis/go-redis/v9 v9.23.0
	github.com/remote-events/remote-events v0.0.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

// Until the first release the satellite modules build against the tree they
// stand in; a release drops this line.
replace github.com/remote-events/remote-events => ..
