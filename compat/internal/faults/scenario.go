// Package faults does to Redis, to its clients and to what is between them whatever
// happens in a bad night, while events flow, and counts what became of the events.
package faults

import (
	"context"
	"time"
)

// Scenario is something that happens while events flow.
type Scenario struct {
	// Name is what the scenario is called by.
	Name string
	// What says in a sentence what happens.
	What string
	// Short and Long are how much of it a short run does, and a long one.
	Short, Long Size
	// Originals is whether an original Python package takes part.
	Originals bool
	// Run does it. The error says what was not as it was promised; there are
	// figures all the same.
	Run func(ctx context.Context, size Size) (Figures, error)
}

// Size is how much of a scenario is run.
type Size struct {
	// Rounds are how often it happens.
	Rounds int
	// Events are how many are handled, at least, before it happens again.
	Events int
	// Seed is what goes by chance: the same one has the same processes killed,
	// after the same times.
	Seed uint64
}

// Figures are what was counted in a scenario.
type Figures struct {
	// Faults are how often it happened; 0 stands for the rounds.
	Faults int `json:"faults"`
	// Promised events are those of which the sender was told that Redis has them.
	Promised int `json:"promised"`
	// Unknown events were sent, and the answer did not come.
	Unknown int `json:"unknown"`
	// Refused events are certainly not in Redis.
	Refused int `json:"refused"`
	// Handled events are those for which a listener was called. They may be more
	// than were promised.
	Handled int `json:"handled"`
	// Repeated calls are those of listeners with events that they had handled.
	Repeated int `json:"repeated"`
	// Stale acknowledgements came when the lease was lost, and were refused.
	Stale int `json:"stale"`
	// Dead events are dead letters.
	Dead int `json:"dead"`
	// Taken events are those that originals took, and lost when they were killed.
	Taken int `json:"taken"`
	// Lost events were promised, and are neither handled, dead letters nor taken.
	Lost int `json:"lost"`
	// Outages are how often a receiver could not go on for a while, and then went
	// on by itself.
	Outages int `json:"outages"`
	// Pause is the longest time from the end of a fault until an event that was
	// sent after it was handled.
	Pause time.Duration `json:"pause"`
}

// add adds what was counted elsewhere.
func (f *Figures) add(other Figures) {
	f.Faults += other.Faults
	f.Promised += other.Promised
	f.Unknown += other.Unknown
	f.Refused += other.Refused
	f.Handled += other.Handled
	f.Repeated += other.Repeated
	f.Stale += other.Stale
	f.Dead += other.Dead
	f.Taken += other.Taken
	f.Lost += other.Lost
	f.Outages += other.Outages
	f.Pause = max(f.Pause, other.Pause)
}

// Scenarios are all of them.
func Scenarios() []Scenario {
	return []Scenario{
		{
			"crash points", "a client dies before, in the middle of and after each command, whatever its listener does",
			Size{Rounds: 1}, Size{Rounds: 10}, false, crashPoints,
		},
		{
			"killed", "processes that take events are killed with SIGKILL; Go and an original send",
			Size{Events: 3000}, Size{Events: 200_000}, true, killed,
		},
		{
			"mixed fleet", "the same, and an original receives from the same list",
			Size{Events: 1000}, Size{Events: 50_000}, true, mixedFleet,
		},
		{
			"originals killed", "originals that receive from the same list are killed with SIGKILL; what they held is taken",
			Size{Rounds: 3, Events: 100}, Size{Rounds: 50, Events: 500}, true, originalsKilled,
		},
		{
			"suspended", "a process that takes events is stopped with SIGSTOP for longer than its leases, and goes on",
			Size{Rounds: 2, Events: 100}, Size{Rounds: 30, Events: 1000}, false, suspended,
		},
		{
			"interruptions", "Redis forgets its scripts, kills its clients' connections, and answers nobody for longer than a lease",
			Size{Rounds: 2, Events: 500}, Size{Rounds: 50, Events: 5000}, false, interruptions,
		},
		{
			"out of memory", "Redis has no memory left (noeviction) until all is handled, whatever listeners do",
			Size{Rounds: 1, Events: 1000}, Size{Rounds: 10, Events: 5000}, false, outOfMemory,
		},
		{
			"clock steps", "the clock of Redis goes back by an hour, and comes back to the right time",
			Size{Rounds: 2, Events: 500}, Size{Rounds: 50, Events: 5000}, false, clockSteps,
		},
		{
			"repeats", "senders whose answers are lost send again; receivers with a window drop what they have handled",
			Size{Rounds: 5, Events: 200}, Size{Rounds: 100, Events: 1000}, false, repeats,
		},
		{
			"restart", "Redis is killed, or told to end, and starts again (AOF, appendfsync always)",
			Size{Rounds: 6, Events: 100}, Size{Rounds: 100, Events: 1000}, false, restart,
		},
		{
			"refused writes", "Redis refuses writes for longer than a lease: NOREPLICAS, then MISCONF",
			Size{Rounds: 1, Events: 500}, Size{Rounds: 20, Events: 5000}, false, refusedWrites,
		},
		{
			"promotion", "a replica is promoted, and the old primary answers READONLY; promised is what WAIT has confirmed",
			Size{Rounds: 4, Events: 100}, Size{Rounds: 50, Events: 1000}, false, promotion,
		},
		{
			"sentinel", "Sentinel fails over, since the primary is killed, or asked to; promised is what WAIT has confirmed",
			Size{Rounds: 1, Events: 100}, Size{Rounds: 10, Events: 1000}, false, sentinel,
		},
		{
			"partition", "a receiver is cut off for longer than a lease, without a word or refused, and comes back",
			Size{Rounds: 1, Events: 500}, Size{Rounds: 20, Events: 5000}, false, partition,
		},
		{
			"vanish", "the network forgets the connections of receivers that wait, and tells nobody",
			Size{Rounds: 1, Events: 10}, Size{Rounds: 10, Events: 100}, false, vanish,
		},
		{
			"latency", "every byte from and to receivers takes a tenth of a lease",
			Size{Rounds: 2, Events: 500}, Size{Rounds: 20, Events: 2000}, false, latency,
		},
		{
			"slow close", "connections break, and Redis learns of it half a lease later",
			Size{Rounds: 4, Events: 500}, Size{Rounds: 100, Events: 2000}, false, slowClose,
		},
		{
			"slot migration", "in a cluster of three primaries the queues' slots move from node to node",
			Size{Rounds: 2, Events: 500}, Size{Rounds: 20, Events: 5000}, false, slotMigration,
		},
		{
			"node restart", "in a cluster of three primaries one node after the other is killed and starts again (AOF, appendfsync always)",
			Size{Rounds: 1, Events: 100}, Size{Rounds: 15, Events: 1000}, false, nodeRestart,
		},
		{
			"start", "senders and receivers are there before Redis is, and while it loads its data",
			Size{Rounds: 1, Events: 500}, Size{Rounds: 5, Events: 5000}, false, startUp,
		},
	}
}
