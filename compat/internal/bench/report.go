package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// Report has the results of a run and its setting.
type Report struct {
	Date         time.Time     `json:"date"`
	Redis        string        `json:"redis"`
	Original     string        `json:"original"`
	Go           string        `json:"go"`
	Platform     string        `json:"platform"`
	CPUs         int           `json:"cpus"`
	Rounds       int           `json:"rounds"`
	Seed         uint64        `json:"seed"`
	Seconds      float64       `json:"seconds"` // duration of the run
	Peers        []Peer        `json:"peers"`
	Measurements []Measurement `json:"measurements"`
	Goals        []Reached     `json:"goals"`
}

// Peer is a library in the comparison.
type Peer struct {
	Module  string `json:"module"`
	Version string `json:"version"`
}

// NewReport returns the report of measurements.
func NewReport(c Config, measurements []Measurement, begin time.Time) Report {
	return Report{
		Date: begin.UTC().Truncate(time.Second), Seconds: time.Since(begin).Seconds(),
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(),
		Rounds: c.Rounds, Seed: c.Seed, Peers: peers(), Measurements: measurements, Goals: Compare(measurements),
	}
}

// ReadReport reads a report in JSON, and evaluates the present goals.
func ReadReport(path string) (r Report, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	r.Goals = Compare(r.Measurements)
	return r, nil
}

// peers returns the versions of the compared libraries.
func peers() []Peer {
	modules := []string{
		"github.com/redis/go-redis/v9", "github.com/redis/rueidis", "github.com/hibiken/asynq",
		"github.com/ThreeDotsLabs/watermill-redisstream",
	}
	var found []Peer
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if slices.Contains(modules, module.Path) {
				found = append(found, Peer{module.Path, module.Version})
			}
		}
	}
	return found
}

// Problems returns the measurements of participants that failed.
func (r Report) Problems() (failed []Measurement) {
	for _, m := range r.Measurements {
		if m.Problem != "" && !m.Skipped {
			failed = append(failed, m)
		}
	}
	return failed
}

// group holds the measurements of one workload and one size.
type group struct {
	workload Workload
	size     string
	metrics  []Metric // the metrics of all measurements
	members  []Measurement
}

// groups returns the measurements in the order of a report.
func (r Report) groups() (groups []group) {
	for _, workload := range Workloads() {
		for _, size := range append([]Size{{}}, Sizes()...) {
			g := group{workload: workload, size: size.Name}
			for _, m := range r.Measurements {
				if m.Workload == workload.Name && m.Size == size.Name {
					g.members = append(g.members, m)
				}
			}
			for _, column := range columns {
				if slices.ContainsFunc(g.members, func(m Measurement) bool { _, ok := m.Spread(column.metric); return ok }) {
					g.metrics = append(g.metrics, column.metric)
				}
			}
			if len(g.members) > 0 {
				groups = append(groups, g)
			}
		}
	}
	return groups
}

// column describes a metric's column of a table.
type column struct {
	metric Metric
	title  string
	spread bool // with minimum and maximum
}

var columns = []column{
	{PerSecond, "messages/s", true},
	{P50, "p50 µs", true},
	{P99, "p99 µs", true},
	{CommandTime, "Redis µs", false},
	{RedisCPU, "Redis CPU µs", false},
	{ClientCPU, "client CPU µs", false},
	{Allocations, "allocs", false},
	{AllocatedSize, "bytes alloc.", false},
	{Connections, "connections", true},
	{Resident, "resident MiB", true},
	{IdleCommands, "commands/s", false},
}

func columnOf(metric Metric) column {
	return columns[slices.IndexFunc(columns, func(c column) bool { return c.metric == metric })]
}
