// Package faults injects faults into Redis, its clients and the network while events flow,
// and verifies the promises of reliable delivery by counting the events.
package faults

import (
	"context"
	"time"
)

// Scenario is a kind of fault that is injected while events flow.
type Scenario struct {
	// Name identifies the scenario.
	Name string
	// What is a description of the fault in one sentence.
	What string
	// Short and Long are the sizes in a short and in a long run.
	Short, Long Size
	// Originals reports whether an original takes part.
	Originals bool
	// Adapters reports whether the reliable receiver of an adapter can receive in place of
	// the Go library.
	Adapters bool
	// Run runs the scenario. The error describes the violated promises. The figures are
	// valid even with an error.
	Run func(ctx context.Context, size Size) (Figures, error)
}

// Size is the size of a scenario.
type Size struct {
	// Rounds is the number of faults.
	Rounds int
	// Events is the minimum number of handled events between two faults.
	Events int
	// Seed determines the random choices, such as the processes to kill and the times.
	Seed uint64
	// Adapter is the command of the adapter whose reliable receiver receives. It is nil for
	// the Go library.
	Adapter []string
}

// Figures are the counts of a scenario.
type Figures struct {
	// Faults is the number of injected faults. 0 means Size.Rounds.
	Faults int `json:"faults"`
	// Promised is the number of events that Redis has acknowledged to the sender.
	Promised int `json:"promised"`
	// Unknown is the number of sends without a reply.
	Unknown int `json:"unknown"`
	// Failed is the number of sends that certainly stored no event.
	Failed int `json:"failed"`
	// Handled is the number of handled events. It may exceed Promised by the events of
	// unknown sends.
	Handled int `json:"handled"`
	// Repeated is the number of calls of listeners with handled events.
	Repeated int `json:"repeated"`
	// Stale is the number of acknowledgements after the loss of the lease.
	Stale int `json:"stale"`
	// Dead is the number of dead letters.
	Dead int `json:"dead"`
	// Taken is the number of events that killed originals have lost.
	Taken int `json:"taken"`
	// Lost is the number of promised events that are not handled, dead or taken.
	Lost int `json:"lost"`
	// Outages is the number of interruptions from which a receiver recovered.
	Outages int `json:"outages"`
	// Pause is the longest time from the end of a fault until an event that was sent
	// afterwards was handled.
	Pause time.Duration `json:"pause"`
}

// add adds the figures of another count.
func (f *Figures) add(other Figures) {
	f.Faults += other.Faults
	f.Promised += other.Promised
	f.Unknown += other.Unknown
	f.Failed += other.Failed
	f.Handled += other.Handled
	f.Repeated += other.Repeated
	f.Stale += other.Stale
	f.Dead += other.Dead
	f.Taken += other.Taken
	f.Lost += other.Lost
	f.Outages += other.Outages
	f.Pause = max(f.Pause, other.Pause)
}

// Scenarios returns all scenarios.
func Scenarios() []Scenario {
	return []Scenario{
		{
			"crash points", "a client dies before, within and after each command, with each outcome of its listener",
			Size{Rounds: 1}, Size{Rounds: 10}, false, false, crashPoints,
		},
		{
			"killed", "receiving processes are killed with SIGKILL; Go and an original send",
			Size{Events: 3000}, Size{Events: 200_000}, true, true, killed,
		},
		{
			"mixed fleet", "the same as killed, while an original receives from the same list",
			Size{Events: 1000}, Size{Events: 50_000}, true, true, mixedFleet,
		},
		{
			"originals killed", "originals that receive from the same list are killed with SIGKILL; their events in flight are taken",
			Size{Rounds: 3, Events: 100}, Size{Rounds: 50, Events: 500}, true, false, originalsKilled,
		},
		{
			"suspended", "a receiving process is stopped with SIGSTOP for longer than its leases, and continues",
			Size{Rounds: 2, Events: 100}, Size{Rounds: 30, Events: 1000}, false, true, suspended,
		},
		{
			"interruptions", "Redis loses its scripts, kills its clients' connections, and pauses for longer than a lease",
			Size{Rounds: 2, Events: 500}, Size{Rounds: 50, Events: 5000}, false, true, interruptions,
		},
		{
			"out of memory", "Redis has no memory left (noeviction) until all events are handled, with each outcome of the listener",
			Size{Rounds: 1, Events: 1000}, Size{Rounds: 10, Events: 5000}, false, false, outOfMemory,
		},
		{
			"clock steps", "the clock of Redis is set back by an hour, and then to the right time",
			Size{Rounds: 2, Events: 500}, Size{Rounds: 50, Events: 5000}, false, true, clockSteps,
		},
		{
			"repeats", "senders repeat sends whose replies are lost; receivers with a deduplication window skip handled events",
			Size{Rounds: 5, Events: 200}, Size{Rounds: 100, Events: 1000}, false, false, repeats,
		},
		{
			"restart", "Redis is killed or terminated, and restarts (AOF, appendfsync always)",
			Size{Rounds: 6, Events: 100}, Size{Rounds: 100, Events: 1000}, false, true, restart,
		},
		{
			"denied writes", "Redis denies writes for longer than a lease: NOREPLICAS, then MISCONF",
			Size{Rounds: 1, Events: 500}, Size{Rounds: 20, Events: 5000}, false, true, deniedWrites,
		},
		{
			"promotion", "a replica is promoted, and the old primary replies READONLY; only events confirmed by WAIT are promised",
			Size{Rounds: 4, Events: 100}, Size{Rounds: 50, Events: 1000}, false, true, promotion,
		},
		{
			"sentinel", "Sentinel fails over, on request or because the primary is killed; only events confirmed by WAIT are promised",
			Size{Rounds: 1, Events: 100}, Size{Rounds: 10, Events: 1000}, false, false, sentinel,
		},
		{
			"partition", "a receiver is cut off for longer than a lease, silently or with refused connections, and reconnects",
			Size{Rounds: 1, Events: 500}, Size{Rounds: 20, Events: 5000}, false, true, partition,
		},
		{
			"vanish", "the network forgets the connections of waiting receivers without an error",
			Size{Rounds: 1, Events: 10}, Size{Rounds: 10, Events: 100}, false, true, vanish,
		},
		{
			"latency", "every byte from and to receivers takes a tenth of a lease",
			Size{Rounds: 2, Events: 500}, Size{Rounds: 20, Events: 2000}, false, false, latency,
		},
		{
			"slow close", "connections break, and Redis notices half a lease later",
			Size{Rounds: 4, Events: 500}, Size{Rounds: 100, Events: 2000}, false, true, slowClose,
		},
		{
			"slot migration", "the queues' slots move between the nodes of a cluster of three primaries",
			Size{Rounds: 2, Events: 500}, Size{Rounds: 20, Events: 5000}, false, false, slotMigration,
		},
		{
			"node restart", "the nodes of a cluster of three primaries are killed and restart one after the other (AOF, appendfsync always)",
			Size{Rounds: 1, Events: 100}, Size{Rounds: 15, Events: 1000}, false, false, nodeRestart,
		},
		{
			"start", "senders and receivers start before Redis, and run while it loads its data",
			Size{Rounds: 1, Events: 500}, Size{Rounds: 5, Events: 5000}, false, false, startUp,
		},
	}
}
