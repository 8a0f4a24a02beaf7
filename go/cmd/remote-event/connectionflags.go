package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/remote-events/remote-events/go/config"
)

const (
	defaultRedisURL = "redis://localhost:6379/0"
	redisURLEnv     = "REMOTE_EVENT_REDIS_URL"
)

// connectionFlags are the flags for the connection to Redis.
type connectionFlags struct {
	url, config            string
	tlsCA, tlsCert, tlsKey string
	tlsServerName          string
	timeout                time.Duration
}

func (f *connectionFlags) register(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&f.url, "redis", "", "`URL` of Redis, redis://, rediss://, redis-sentinel:// or unix:// (default $"+redisURLEnv+", else the file of --config, else "+defaultRedisURL+")")
	flags.StringVar(&f.config, "config", "", "applauncher configuration `FILE`, for its redis and remote_event sections (default none)")
	flags.StringVar(&f.tlsCA, "tls-ca", "", "PEM `FILE` of the authorities for Redis' certificate (default those of the system)")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "PEM `FILE` of the client's certificate (default none)")
	flags.StringVar(&f.tlsKey, "tls-key", "", "PEM `FILE` of the client's key (default none)")
	flags.StringVar(&f.tlsServerName, "tls-server-name", "", "the `NAME` in Redis' certificate (default the host of its address)")
	flags.DurationVar(&f.timeout, "connect-timeout", 5*time.Second, "maximum time for the first connection")
	for _, name := range []string{"config", "tls-ca", "tls-cert", "tls-key"} {
		_ = root.MarkPersistentFlagFilename(name)
	}
}

// configuration reads the file of --config and shows its warnings. It returns
// nil without --config. The file may be an endless pipe: configuration
// returns when the context ends.
func (a *app) configuration(ctx context.Context) (*config.Config, error) {
	if a.connection.config == "" {
		return nil, nil
	}
	type loaded struct {
		config *config.Config
		err    error
	}
	done := make(chan loaded, 1)
	go func() {
		c, err := config.Load(a.connection.config, config.WithEnviron(a.environ))
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

// target returns the Redis from --redis, else from the environment, else from the
// configuration, which may be nil, else that of localhost.
func (a *app) target(c *config.Config) (*target, error) {
	f := &a.connection
	if f.timeout <= 0 {
		return nil, usageError("--connect-timeout must be more than 0")
	}
	var t *target
	var err error
	switch fromEnv := a.getenv(redisURLEnv); {
	case f.url != "":
		t, err = parseTarget("--redis", f.url)
	case fromEnv != "":
		t, err = parseTarget(redisURLEnv, fromEnv)
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
	if err := f.applyTLS(t.Options); err != nil {
		return nil, err
	}
	if t.TLSConfig != nil && t.TLSConfig.InsecureSkipVerify {
		a.warn("the certificate of Redis is not verified (skip_verify in the URL, or ssl_cert_reqs: none): " +
			"an attacker in the network can read and change everything, including the password")
	}
	t.DialTimeout = f.timeout
	t.DialerRetries = 1 // ping retries where it makes sense
	t.MaxRetries = -1
	t.ContextTimeoutEnabled = true
	return t, nil
}

// applyTLS adds the TLS flags to options with TLS.
func (f *connectionFlags) applyTLS(options *redis.Options) error {
	if f.tlsCA == "" && f.tlsCert == "" && f.tlsKey == "" && f.tlsServerName == "" {
		return nil
	}
	if options.TLSConfig == nil {
		return usageError("--tls-ca, --tls-cert, --tls-key and --tls-server-name require TLS: begin the URL with rediss:// or rediss-sentinel://")
	}
	if f.tlsServerName != "" {
		options.TLSConfig.ServerName = f.tlsServerName
	}
	if (f.tlsCert == "") != (f.tlsKey == "") {
		return usageError("--tls-cert and --tls-key: give both or neither")
	}
	if f.tlsCA != "" {
		pem, err := os.ReadFile(f.tlsCA)
		if err != nil {
			return fmt.Errorf("--tls-ca: %w", err)
		}
		options.TLSConfig.RootCAs = x509.NewCertPool()
		if !options.TLSConfig.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("--tls-ca: %s contains no PEM certificate", f.tlsCA)
		}
	}
	if f.tlsCert != "" {
		certificate, err := tls.LoadX509KeyPair(f.tlsCert, f.tlsKey)
		if err != nil {
			return fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		options.TLSConfig.Certificates = []tls.Certificate{certificate}
	}
	return nil
}
