package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// stage is the setting of a run of a case: the Redis and the message.
type stage struct {
	*Redis

	template *template
	// count is the number of messages of a run.
	count int
	// same permits peers to send the same bytes repeatedly, without a copy: the marks are
	// not checked.
	same bool
}

// Redis is the measured server.
type Redis struct {
	URL string
	// Shared reports whether others use this Redis. Then only keys with the prefix of
	// this run are changed.
	Shared bool

	options  *redis.Options
	control  *redis.Client // for the measurement itself
	original originalCommand
	dir      string // of built programs, "" before the first build
	idle     string // the built idle program, "" before the build
}

// open connects to the server.
func (r *Redis) open(ctx context.Context) (err error) {
	if r.options, err = redis.ParseURL(r.URL); err != nil {
		return errors.New("the URL of Redis is invalid") // the parser's error contains the password
	}
	r.control = redis.NewClient(r.options)
	return r.control.Ping(ctx).Err()
}

// close disconnects, and removes built programs.
func (r *Redis) close() error {
	err := r.control.Close()
	if r.dir != "" {
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	return err
}

// client returns a new go-redis client with default options.
func (r *Redis) client() *redis.Client {
	options := *r.options
	return redis.NewClient(&options)
}

// clean removes the keys of the run.
func (r *Redis) clean(ctx context.Context) error {
	if !r.Shared {
		return r.control.FlushAll(ctx).Err()
	}
	keys, err := r.keys(ctx)
	for ; err == nil && len(keys) > 0; keys, err = r.keys(ctx) {
		if err := r.control.Unlink(ctx, keys...).Err(); err != nil {
			return err
		}
	}
	return err
}

// keys returns the keys of this run: the lists and their companion keys.
func (r *Redis) keys(ctx context.Context) (keys []string, err error) {
	pattern := "*" // the keys of peers have other names
	if r.Shared {
		pattern = "*" + queue + "*"
	}
	iterator := r.control.Scan(ctx, 0, pattern, 1000).Iterator()
	for iterator.Next(ctx) {
		keys = append(keys, iterator.Val())
	}
	return keys, iterator.Err()
}

// serverReading holds the resources that Redis has used.
type serverReading struct {
	commands map[string]float64 // microseconds by command
	cpu      float64            // microseconds
}

func (r *Redis) read(ctx context.Context) (serverReading, error) {
	reading := serverReading{commands: map[string]float64{}}
	for _, section := range []string{"commandstats", "cpu"} {
		info, err := r.control.Info(ctx, section).Result()
		if err != nil {
			return reading, err
		}
		for line := range strings.Lines(info) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			switch key {
			case "used_cpu_sys", "used_cpu_user":
				seconds, _ := strconv.ParseFloat(value, 64)
				reading.cpu += seconds * 1e6
			}
			if name, ok := strings.CutPrefix(key, "cmdstat_"); ok {
				for field := range strings.SplitSeq(value, ",") {
					if text, ok := strings.CutPrefix(field, "usec="); ok {
						reading.commands[name], _ = strconv.ParseFloat(text, 64)
					}
				}
			}
		}
	}
	return reading, nil
}

// scripted are the scripts and the commands that a script cannot call. The other commands
// would count twice if scripts call them.
var scripted = []string{"eval", "evalsha", "fcall", "blmove", "blmpop", "brpop", "blpop", "brpoplpush", "xreadgroup"}

// add adds Redis' figures to a sample. excluded are commands that the measuring side
// executes.
func (r serverReading) add(s Sample, since serverReading, messages int, excluded ...string) {
	spent := func(name string) float64 { return r.commands[name] - since.commands[name] }
	total := 0.0
	if spent("evalsha")+spent("eval")+spent("fcall") > 0 {
		for _, name := range scripted {
			total += spent(name)
		}
	} else {
		for name := range r.commands {
			total += spent(name)
		}
		for _, name := range append(excluded, "info", "flushall", "scan", "ping") {
			total -= spent(name)
		}
	}
	// commandstats uses the real-time clock, which also runs while other processes use
	// the CPU.
	cpu := r.cpu - since.cpu
	s[CommandTime] = min(total, cpu) / float64(messages)
	s[RedisCPU] = cpu / float64(messages)
}

// fill pushes count messages as fast as possible, the first mark first.
func (s *stage) fill(ctx context.Context, key string, count int) error {
	r, err := dialRESP(ctx, s.options)
	if err != nil {
		return err
	}
	defer r.close()
	return s.pushAll(r, key, firstMark, count)
}

// chunk returns the maximum number of messages of this size in one command.
func (s *stage) chunk(limit int) int {
	const commandBytes = 1 << 20
	return min(limit, max(1, commandBytes/len(s.template.raw)))
}

// stored verifies that the list contains exactly the messages of a run.
func (s *stage) stored(ctx context.Context, key string, count int) error {
	length, err := s.control.LLen(ctx, key).Result()
	if err != nil {
		return err
	}
	if length != int64(count) {
		return fmt.Errorf("%d messages stored, %d sent", length, count)
	}
	step := s.chunk(1000)
	for from := 0; from < count; from += step {
		raws, err := s.control.LRange(ctx, key, int64(from), int64(from+step-1)).Result()
		if err != nil {
			return err
		}
		for _, raw := range raws {
			if len(raw) != len(s.template.raw) {
				return fmt.Errorf("message of %d bytes stored, %d sent", len(raw), len(s.template.raw))
			}
		}
	}
	return nil
}

// leftNothing verifies that a receiver left no message. Messages are in lists, hashes and
// streams. Strings are counters, and sorted sets contain only the ids of messages.
func (s *stage) leftNothing(ctx context.Context) error {
	keys, err := s.keys(ctx)
	if err != nil || len(keys) == 0 {
		return err
	}
	types := make([]*redis.StatusCmd, len(keys))
	if _, err := s.control.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, key := range keys {
			types[i] = pipe.Type(ctx, key)
		}
		return nil
	}); err != nil {
		return err
	}
	var left []string
	for i, key := range keys {
		if t := types[i].Val(); slices.Contains([]string{"list", "hash", "stream"}, t) {
			left = append(left, t+" "+key)
		}
	}
	if len(left) > 0 {
		err = fmt.Errorf("%d keys remain, for example the %s", len(left), left[0])
	}
	return err
}

// concurrently divides the messages of a run among goroutines.
func concurrently(ctx context.Context, goroutines, count int, each func(ctx context.Context, first, count int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	for g := range goroutines {
		first, next := g*count/goroutines, (g+1)*count/goroutines
		group.Go(func() {
			if err := each(ctx, first, next-first); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// trimmed returns the end of a program's output, for an error.
func trimmed(output []byte) string {
	return string(bytes.TrimSpace(output[max(0, len(output)-500):]))
}
