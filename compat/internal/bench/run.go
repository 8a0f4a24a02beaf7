package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"time"
)

// Config configures a run.
type Config struct {
	Redis  *Redis
	Cases  []Case
	Rounds int
	// Seed determines the order of the cases in each round.
	Seed uint64
	// Duration is the approximate duration of a case in a round.
	Duration time.Duration
	// Progress, if not nil, is called before each run of a case.
	Progress func(done, total int, doing string)
}

// Measurement has the results of a case.
type Measurement struct {
	Workload    string `json:"workload"`
	Size        string `json:"size,omitempty"`
	Participant string `json:"participant"`
	// Samples has one sample for each round, or nil if the case failed in the round.
	Samples []Sample `json:"samples"`
	// Problem is the first error, if any. Skipped reports that this machine lacks the
	// participant.
	Problem string `json:"problem,omitempty"`
	Skipped bool   `json:"skipped,omitempty"`
}

// Name returns the name of the case.
func (m Measurement) Name() string {
	return Case{Workload: Workload{Name: m.Workload}, Size: Size{Name: m.Size}, Participant: m.Participant}.Name()
}

const (
	// maxBytes bounds the messages of one run in Redis.
	maxBytes = 128 << 20
	// minCount is the minimum number of messages of a run, unless they take more than
	// fewBytes.
	minCount = 200
	fewBytes = 4 << 20
)

// Run measures all cases in every round. It records the failure of a case and does not run
// the case again. It returns an error of ctx or of Redis.
func Run(ctx context.Context, c Config) (_ []Measurement, err error) {
	if err := c.Redis.open(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Redis.close()) }()
	if c.Redis.Shared {
		queue = ownQueue()
	}
	defer func() { err = errors.Join(err, c.Redis.clean(context.WithoutCancel(ctx))) }()
	r := &runner{Config: c, templates: map[string]*template{}, counts: make([]int, len(c.Cases))}
	measurements := make([]Measurement, len(c.Cases))
	for i, one := range c.Cases {
		measurements[i] = Measurement{Workload: one.Workload.Name, Size: one.Size.Name, Participant: one.Participant}
		if _, ok := r.templates[one.Size.Name]; !ok {
			size := one.Size
			if size.Bytes == 0 {
				size = Size100B
			}
			made, err := newTemplate(size)
			if err != nil {
				return nil, err
			}
			r.templates[one.Size.Name] = made
		}
	}
	chance := rand.New(rand.NewPCG(c.Seed, 0))
	done, total := 0, (c.Rounds+1)*len(c.Cases)
	for round := range c.Rounds + 1 { // the first determines the number of messages
		for _, i := range order(c.Cases, chance) {
			if c.Progress != nil {
				c.Progress(done, total, c.Cases[i].Name())
			}
			done++
			m := &measurements[i]
			if round == 0 {
				if err := r.calibrate(ctx, i); err != nil {
					m.fail(err)
				}
			} else {
				m.Samples = append(m.Samples, r.round(ctx, i, m))
			}
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
		}
	}
	return measurements, nil
}

// order returns the order of the cases in a round. Cases that are compared with each other
// are shuffled but follow each other, so that temporary load affects all of them.
func order(cases []Case, chance *rand.Rand) (all []int) {
	blocks := map[string][]int{}
	var names []string
	for i, one := range cases {
		family, _, _ := strings.Cut(one.Workload.Name, "-")
		if family == "send" { // each size has its own peers
			family = one.Workload.Name
		}
		name := family + "/" + one.Size.Name
		if blocks[name] == nil {
			names = append(names, name)
		}
		blocks[name] = append(blocks[name], i)
	}
	for _, n := range chance.Perm(len(names)) {
		block := blocks[names[n]]
		for _, i := range chance.Perm(len(block)) {
			all = append(all, block[i])
		}
	}
	return all
}

// runner is the state of a run.
type runner struct {
	Config

	templates map[string]*template
	counts    []int // the number of messages of each case
}

func (m *Measurement) fail(err error) {
	m.Problem = err.Error()
	m.Skipped = errors.Is(err, errNotHere)
}

// round measures a case again, unless it has failed.
func (r *runner) round(ctx context.Context, i int, m *Measurement) Sample {
	if m.Problem != "" {
		return nil
	}
	sample, err := r.once(ctx, i, r.counts[i])
	if err != nil {
		m.fail(err)
		return nil
	}
	return sample
}

// calibrate determines the number of messages that a case moves in the duration.
func (r *runner) calibrate(ctx context.Context, i int) error {
	one := r.Cases[i]
	if one.own && r.Redis.Shared {
		return missing("%s uses keys without the run's prefix, and others use this Redis", one.Participant)
	}
	if one.fixed {
		return nil
	}
	size := len(r.templates[one.Size.Name].raw)
	lower, upper := max(2, min(minCount, fewBytes/size)), maxBytes/size
	count := lower
	for {
		sample, err := r.once(ctx, i, count)
		if err != nil {
			return err
		}
		wanted := min(max(lower, int(sample[PerSecond]*r.Duration.Seconds())), upper)
		// The rate of a few messages does not predict the rate of many.
		if wanted <= count*10 || count == upper {
			r.counts[i] = wanted
			return nil
		}
		count = min(count*10, upper)
	}
}

// once runs a case with a clean Redis.
func (r *runner) once(ctx context.Context, i, count int) (Sample, error) {
	if err := r.Redis.clean(ctx); err != nil {
		return nil, err
	}
	runtime.GC()
	one := r.Cases[i]
	s := &stage{Redis: r.Redis, template: r.templates[one.Size.Name], count: count}
	sample, err := one.measure(ctx, s, pace{duration: max(r.Duration, time.Second)})
	for metric, value := range sample {
		if err == nil && (math.IsInf(value, 0) || math.IsNaN(value)) {
			err = fmt.Errorf("%s is %g", metric, value)
		}
	}
	return sample, err
}
