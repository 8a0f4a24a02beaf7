package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
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
	timeout                time.Duration
}

func (f *connectionFlags) register(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&f.url, "redis", "", "`URL` of Redis, redis://, rediss:// or unix:// (default $"+redisURLEnv+", else the file of --config, else "+defaultRedisURL+")")
	flags.StringVar(&f.config, "config", "", "applauncher configuration `FILE`, for its redis and remote_event sections (default none)")
	flags.StringVar(&f.tlsCA, "tls-ca", "", "PEM `FILE` of the authorities for Redis' certificate (default those of the system)")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "PEM `FILE` of the client's certificate (default none)")
	flags.StringVar(&f.tlsKey, "tls-key", "", "PEM `FILE` of the client's key (default none)")
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

// redisOptions returns the options for the address: from --redis, else the environment,
// else the configuration, which may be nil, else localhost.
func (a *app) redisOptions(c *config.Config) (*redis.Options, error) {
	f := &a.connection
	if f.timeout <= 0 {
		return nil, usageError("--connect-timeout must be more than 0")
	}
	var options *redis.Options
	var err error
	switch fromEnv := a.getenv(redisURLEnv); {
	case f.url != "":
		options, err = parseRedisURL("--redis", f.url)
	case fromEnv != "":
		options, err = parseRedisURL(redisURLEnv, fromEnv)
	case c != nil:
		options, err = c.Redis.Options()
	default:
		options, err = parseRedisURL("the default", defaultRedisURL)
	}
	if err != nil {
		return nil, err
	}
	if err := f.applyTLS(options); err != nil {
		return nil, err
	}
	if options.TLSConfig != nil && options.TLSConfig.InsecureSkipVerify {
		a.warn("the certificate of Redis is not verified (skip_verify in the URL, or ssl_cert_reqs: none): " +
			"an attacker in the network can read and change everything, including the password")
	}
	options.DialTimeout = f.timeout
	options.DialerRetries = 1 // ping retries where it makes sense
	options.MaxRetries = -1
	options.ContextTimeoutEnabled = true
	return options, nil
}

// applyTLS adds the TLS flags to options with TLS.
func (f *connectionFlags) applyTLS(options *redis.Options) error {
	if f.tlsCA == "" && f.tlsCert == "" && f.tlsKey == "" {
		return nil
	}
	if options.TLSConfig == nil {
		return usageError("--tls-ca, --tls-cert and --tls-key require TLS: begin the URL with rediss://")
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

// parseRedisURL parses a URL. Its errors do not quote the URL, because any part of a
// malformed URL may be the password.
func parseRedisURL(origin, text string) (*redis.Options, error) {
	fault := func(problem string) error {
		return withHint(usageError(origin+": "+problem),
			"the form is redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], rediss:// for TLS, or unix://[[USER]:PASSWORD@]/PATH[?db=DB]; "+
				"in a password, write characters other than letters and digits as %XX, such as @ as %40 and / as %2F")
	}
	scheme, rest, found := strings.Cut(text, "://")
	if !found || scheme != "redis" && scheme != "rediss" && scheme != "unix" {
		return nil, fault("not a URL that begins with redis://, rediss:// or unix://")
	}
	// An unescaped character in a password would end the authority early, and make the
	// rest a host, a port, a database or a path.
	if end := strings.IndexAny(rest, "/?#"); scheme != "unix" && end >= 0 && strings.Contains(rest[end:], "@") {
		return nil, fault("there is an @ after the first /, ? or # of the URL: does the password contain one of these?")
	}
	if strings.Contains(rest, "#") {
		return nil, fault("a Redis URL has no #: is it part of the password?")
	}
	options, err := redis.ParseURL(text)
	switch {
	case err == nil:
		return options, nil
	case strings.HasPrefix(err.Error(), "redis: invalid database number"):
		return nil, fault("the database, after the last /, is not a number")
	case strings.HasPrefix(err.Error(), "redis: unexpected option: "):
		return nil, fault("unknown " + strings.TrimPrefix(err.Error(), "redis: unexpected "))
	default:
		return nil, fault("not a Redis URL")
	}
}

// credentials matches the part before the @ of a URL.
var credentials = regexp.MustCompile(`(\b[a-zA-Z][a-zA-Z0-9+.-]*://)\S*@`)

// redact removes user name and password from every URL in a text.
func redact(text string) string { return credentials.ReplaceAllString(text, "${1}[redacted]@") }

// redacted is standard error for the logs of the library.
type redacted struct{ *screen }

func (r redacted) Write(p []byte) (int, error) {
	if _, err := r.screen.Write([]byte(redact(string(p)))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// addressOf returns the URL of the options, without user name and password.
func addressOf(options *redis.Options) string {
	switch {
	case options.Network == "unix" && options.DB == 0:
		return "unix://" + options.Addr
	case options.Network == "unix":
		return fmt.Sprintf("unix://%s?db=%d", options.Addr, options.DB)
	case options.TLSConfig != nil:
		return fmt.Sprintf("rediss://%s/%d", options.Addr, options.DB)
	default:
		return fmt.Sprintf("redis://%s/%d", options.Addr, options.DB)
	}
}

// connect connects to Redis and waits for a reply. It fails immediately
// if the connection or the password is denied, and after --connect-timeout
// if there is no reply or Redis is still loading. The caller closes the client.
func (a *app) connect(ctx context.Context, c *config.Config) (client *redis.Client, address string, err error) {
	options, err := a.redisOptions(c)
	if err != nil {
		return nil, "", err
	}
	address = addressOf(options)
	client = redis.NewClient(options)
	bounded, cancel := context.WithTimeout(ctx, a.connection.timeout)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- ping(bounded, client) }()
	select {
	case err = <-answer:
	case <-ctx.Done(): // the end of the context does not interrupt a read
		_ = client.Close()
		<-answer //nolint:errcheck // the error is that the client is closed
		return nil, "", errInterrupted
	}
	switch {
	case err == nil:
		return client, address, nil
	case ctx.Err() != nil:
		err = errInterrupted
	case (bounded.Err() != nil || isTimeout(err)) && !isAnswer(err):
		err = a.explain(address, options, fmt.Errorf("no reply within %v", a.connection.timeout))
	default:
		err = a.explain(address, options, err)
	}
	_ = client.Close()
	return nil, "", err
}

// ping sends PING, and repeats it while Redis is loading or starting.
func ping(ctx context.Context, client *redis.Client) error {
	for {
		err := client.Ping(ctx).Err()
		switch {
		case redis.IsPermissionError(err): // the user is authenticated, but may not PING
			return nil
		case redis.IsLoadingError(err), redis.IsMasterDownError(err), redis.IsMaxClientsError(err):
		default:
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func isTimeout(err error) bool {
	failed, ok := errors.AsType[net.Error](err)
	return ok && failed.Timeout()
}

// connectionError explains why Redis cannot be used.
type connectionError struct {
	address string
	secret  string // the part before an @ in the host, which is not shown
	err     error
}

func (e *connectionError) Error() string {
	text := fmt.Sprintf("cannot use Redis at %s: %v", e.address, e.err)
	if e.secret != "" {
		text = strings.ReplaceAll(text, e.secret, "[redacted]")
	}
	return text
}
func (e *connectionError) Unwrap() error { return e.err }

func isConnectionError(err error) bool {
	var failed *connectionError
	return errors.As(err, &failed)
}

// explain adds a hint to a connection error.
func (a *app) explain(address string, options *redis.Options, err error) error {
	// A likely mistake is a URL as the host, or credentials in the host.
	secret := ""
	if at := strings.LastIndexByte(options.Addr, '@'); at > 0 && options.Network != "unix" {
		secret = strings.TrimPrefix(options.Addr[:at], "[") // as net.JoinHostPort writes it
	}
	return withHint(&connectionError{address, secret, err}, hintFor(options, err))
}
