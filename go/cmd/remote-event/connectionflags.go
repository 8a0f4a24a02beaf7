package main

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/remote-events/remote-events/go/config"
)

const (
	defaultRedisURL = "redis://localhost:6379/0"
	redisURLEnv     = "REMOTE_EVENT_REDIS_URL"
)

// connectionFlags are the flags for the connection to Redis.
type connectionFlags struct {
	url, context, config   string
	tlsCA, tlsCert, tlsKey string
	tlsServerName          string
	timeout                time.Duration

	flags *pflag.FlagSet
}

// connectionSettings are the flags that have a place in a context.
var connectionSettings = []string{"redis", "config", "tls-ca", "tls-cert", "tls-key", "tls-server-name", "connect-timeout"}

func (f *connectionFlags) register(root *cobra.Command) {
	flags := root.PersistentFlags()
	f.flags = flags
	flags.StringVar(&f.url, "redis", "", "`URL` of Redis, redis://, rediss://, redis-sentinel:// or unix:// (default as above)")
	flags.StringVar(&f.context, "context", "", "`NAME` of the context with the address of Redis (default $"+contextEnv+")")
	flags.StringVar(&f.config, "config", "", "applauncher configuration `FILE`, for its redis and remote_event sections (default none)")
	flags.StringVar(&f.tlsCA, "tls-ca", "", "PEM `FILE` of the authorities for Redis' certificate (default the authorities of the system)")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "PEM `FILE` of the client's certificate (default none)")
	flags.StringVar(&f.tlsKey, "tls-key", "", "PEM `FILE` of the client's key (default none)")
	flags.StringVar(&f.tlsServerName, "tls-server-name", "", "the `NAME` in Redis' certificate (default the host of its address)")
	flags.DurationVar(&f.timeout, "connect-timeout", 5*time.Second, "maximum time for the first connection")
	_ = root.RegisterFlagCompletionFunc("redis", cobra.NoFileCompletions)
	for _, name := range []string{"config", "tls-ca", "tls-cert", "tls-key"} {
		_ = root.MarkPersistentFlagFilename(name)
	}
}

// given reports whether a flag is given.
func (f *connectionFlags) given(name string) bool { return f.flags != nil && f.flags.Changed(name) }

// configuration reads the file of --config and shows its warnings. It returns
// nil without --config. The file may be an endless pipe: configuration
// returns when the context ends.
func (a *app) configuration(ctx context.Context) (*config.Config, error) {
	s, err := a.settings()
	if err != nil {
		return nil, err
	}
	if s.config == "" {
		return nil, nil
	}
	type loaded struct {
		config *config.Config
		err    error
	}
	done := make(chan loaded, 1)
	go func() {
		c, err := config.Load(s.config, config.WithEnviron(a.environ))
		done <- loaded{c, err}
	}()
	var c *config.Config
	select {
	case l := <-done:
		if l.err != nil {
			return nil, l.err
		}
		c = l.config
	case <-ctx.Done():
		return nil, errInterrupted
	}
	for _, w := range c.Warnings {
		a.warn(w.String())
	}
	return c, nil
}

// target returns the Redis of the settings. The configuration may be nil. A password that
// is elsewhere is not read.
func (a *app) target(c *config.Config) (*target, error) {
	s, err := a.settings()
	if err != nil {
		return nil, err
	}
	var t *target
	switch {
	case s.url != "":
		t, err = parseTarget(s.origins["redis"], s.url)
	case c != nil:
		var options *redis.Options
		if options, err = c.Redis.Options(); err == nil {
			t = &target{Options: options, addrs: []string{options.Addr}}
		}
	default:
		t, err = parseTarget("the default", defaultRedisURL)
	}
	if err != nil {
		return nil, err
	}
	if err := s.applyTLS(t.Options); err != nil {
		return nil, err
	}
	if t.TLSConfig != nil && t.TLSConfig.InsecureSkipVerify {
		a.warn("the certificate of Redis is not verified (skip_verify in the URL, or ssl_cert_reqs: none): " +
			"an attacker in the network can read and change everything, including the password")
	}
	t.context = s.context
	t.DialTimeout = s.timeout
	t.DialerRetries = 1 // ping retries where it makes sense
	t.MaxRetries = -1
	t.ContextTimeoutEnabled = true
	return t, nil
}
