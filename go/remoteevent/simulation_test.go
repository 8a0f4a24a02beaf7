package remoteevent

import (
	"flag"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/redis/go-redis/v9"
)

// The simulation runs receivers on a Redis of its own in virtual time. A seed decides
// everything: how long each call of Redis takes, whether it is refused, whether its
// reply is lost, outages, how long listeners take and whether they fail, how slow the
// log is, and when receivers stop or die. Its files: the schedule (simulation_schedule),
// the receivers and their listeners (simulation_receiver), the Redis (simulation_redis),
// the network in between (simulation_network), and what must hold (simulation_oracle).
var (
	simulations    = flag.Int("simulations", 3000, "how many seeds the simulation of receivers runs")
	simulationSeed = flag.Uint64("simulation-seed", 0, "the first seed that the simulation of receivers runs; without -simulations the only one")
)

func TestSimulation(t *testing.T) {
	t.Parallel()
	client := neverUsed(t)
	first, count := uint64(1), uint64(*simulations)
	if testing.Short() {
		count = min(count, 1000)
	}
	if *simulationSeed != 0 {
		first = *simulationSeed
		if !isSet("simulations") {
			for _, line := range simulate(t, client, first).lines() {
				t.Log(line)
			}
			return
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // schedules leave little behind
	var group sync.WaitGroup
	var next atomic.Uint64
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for n := next.Add(1) - 1; n < count && !t.Failed(); n = next.Add(1) - 1 {
				simulate(t, client, first+n)
			}
		})
	}
	group.Wait()
}

func isSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// TestSimulationIsReproducible: a seed fixes everything but the order of goroutines
// that run at one moment, so that many seeds give the same schedule each time.
func TestSimulationIsReproducible(t *testing.T) {
	t.Parallel()
	client := neverUsed(t)
	const seeds = 60
	same := 0
	for seed := range uint64(seeds) {
		if slices.Equal(simulate(t, client, 1_000_000_000+seed).lines(), simulate(t, client, 1_000_000_000+seed).lines()) {
			same++
		}
	}
	if same < seeds/4 {
		t.Errorf("%d of %d schedules are reproduced", same, seeds)
	}
}

// simulate runs one seed.
func simulate(t *testing.T, client redis.UniversalClient, seed uint64) *world {
	t.Helper()
	w := newWorld(client, seed)
	synctest.Test(t, func(*testing.T) { w.run() })
	if len(w.faults) > 0 {
		t.Errorf("seed %d: %s\nrun it with -run TestSimulation -simulation-seed %d", seed, strings.Join(w.faults[:min(5, len(w.faults))], "\n"), seed)
	}
	return w
}

// neverUsed returns a client for receivers whose sources the simulation opens.
func neverUsed(t *testing.T) redis.UniversalClient {
	t.Helper()
	client := redis.NewClient(&redis.Options{})
	t.Cleanup(func() { _ = client.Close() })
	return client
}
