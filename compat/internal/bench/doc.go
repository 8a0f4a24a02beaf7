// Package bench measures the throughput, latency and cost of the library and of other ways
// to pass the same bytes through the same Redis.
//
// A Case is one participant with one workload and one message size. Run measures every
// case in each round. The order is shuffled, but compared cases follow each other, so that
// temporary load on the machine slows all of them. Each case verifies that exactly the
// messages of its run were stored or handled. The absolute figures depend on the machine.
// The ratios of Goals are computed within a round and depend on it less.
package bench
