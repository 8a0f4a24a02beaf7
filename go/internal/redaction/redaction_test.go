package redaction_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redaction"
)

// answer is an error as Redis answers it.
type answer string

func (a answer) Error() string { return string(a) }
func (answer) RedisError()     {}

const secret = "s3cret"

func TestReplies(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"ERR unknown command 'lpush', with args beginning with: 'order' '{\"data\": {\"p\": \"s3cret\"}}'": "ERR unknown command 'lpush' …",
		"ERR unknown command `LPUSH`, with args beginning with: `order`, `s3cret`, ":                       "ERR unknown command …",
		"ERR unknown command 's3cret'": "ERR unknown command …",
		"ERR s3cret":                   "ERR …",
		"s3cret":                       "an error without a known code: …",
		"S3CRET is here":               "an error without a known code: …",
		"WRONGTYPE Operation against a key holding the wrong kind of value": "WRONGTYPE Operation against a key holding the wrong kind of value",
		"WRONGTYPE the key of kind bodies is a string, not a hash":          "WRONGTYPE the key of kind bodies is a string, not a hash",
		"OOM command not allowed when used memory > 'maxmemory'.":           "OOM command not allowed when used memory > 'maxmemory'.",
		"OOM s3cret": "OOM …",
		"NOPERM User worker has no permissions to run the 'lpush' command": "NOPERM User worker has no permissions to run the 'lpush' command",
		"NOPERM User worker has no permissions to access the 's3cret' key": "NOPERM User worker has no permissions to access …",
		"WRONGPASS invalid username-password pair or user is disabled.":    "WRONGPASS invalid username-password pair or user is disabled.",
		"MOVED 1234 10.0.0.1:6379":                                         "MOVED 1234 10.0.0.1:6379",
		"MOVED 1234 10.0.0.1:6379 s3cret":                                  "MOVED 1234 10.0.0.1:6379 …",
		"ERR Protocol error: unauthenticated multibulk length":             "ERR Protocol error: unauthenticated multibulk length",
		"ERR max number of clients reached":                                "ERR max number of clients reached",
		"ERR Error running script (call to f_0123456789012345678901234567890123456789): @user_script:8: WRONGTYPE Operation against a key holding the wrong kind of value": "ERR Error running script … WRONGTYPE Operation against a key holding the wrong kind of value …",
		"WRONGTYPE Operation against a key holding the wrong kind of value script: 0123456789012345678901234567890123456789, on @user_script:8.":                           "WRONGTYPE Operation against a key holding the wrong kind of value script: 0123456789012345678901234567890123456789, on @user_script:8.",
		"ERR ACL failure in script: User s3cret has no permissions to run the 'lpush' command script: 01, on @user_script:3.":                                              "ERR … ACL failure in script …",
	} {
		err := redaction.Error(fmt.Errorf("failed to initialize connection options: %w", answer(raw)))
		if got := err.Error(); got != "failed to initialize connection options: "+want {
			t.Errorf("%q became %q", raw, got)
		}
		if strings.Contains(fmt.Sprintf("%s %v %+v %#v", err, err, err, err.Error()), secret) {
			t.Errorf("%q is shown", raw)
		}
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			if strings.Contains(cause.Error(), secret) {
				t.Errorf("%q is a cause", cause)
			}
		}
		var reply redis.Error
		if !errors.As(err, &reply) || strings.Contains(reply.Error(), secret) || reply.Error() != want {
			t.Errorf("%q is a %q", raw, reply)
		}
	}
}

func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	dial := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv6loopback, Port: 6379}, Err: errors.New("connection refused")}
	for _, err := range []error{
		nil, context.DeadlineExceeded, io.EOF, redis.Nil, redis.ErrClosed, redis.ErrPoolTimeout, dial,
		fmt.Errorf("redis: all sentinels specified in configuration are unreachable: %w", errors.Join(dial, io.EOF)),
		answer("NOAUTH Authentication required."),
	} {
		if got := redaction.Error(err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func TestWhatIsFound(t *testing.T) {
	t.Parallel()
	err := redaction.Error(fmt.Errorf("wrapped: %w", errors.Join(answer("LOADING s3cret"), redis.Nil, context.Canceled)))
	for _, target := range []error{redis.Nil, context.Canceled} {
		if !errors.Is(err, target) {
			t.Errorf("%v is not %v", err, target)
		}
	}
	if !redis.HasErrorPrefix(err, "LOADING") || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
	if again := redaction.Error(err); again != err {
		t.Errorf("%v", again)
	}
}

func TestTextsOfLibraries(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`redis: can't parse int reply: "s3cret"`: "redis: can't parse int reply …",
		`redis: connection pool exhausted`:       "redis: connection pool exhausted",
		`invalid URL redis://:s3cret@host`:       "invalid URL redis …",
		`lpush order {"data": "s3cret"}`:         "lpush order …",
	} {
		if got := redaction.Error(errors.New(raw)).Error(); got != want {
			t.Errorf("%q became %q", raw, got)
		}
	}
	long := redaction.Error(errors.New(strings.Repeat("é", 1000))).Error()
	if len(long) > 250 {
		t.Errorf("%d bytes are shown", len(long))
	}
}
