// Package bench measures how fast the library sends and receives, beside other
// ways to pass the same bytes through the same Redis.
//
// A Case is one participant with one workload and one size of message. Run
// measures all cases in every round, in a shuffled order in which those that are
// compared follow each other, so that a machine that is busy for a while slows all
// of them down. Each case verifies that
// exactly the messages of its run were stored or handled. The figures depend on
// the machine; the ratios of Goals, each taken within a round, depend on it less.
package bench
