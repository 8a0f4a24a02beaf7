package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// The values of [Redis.SSLCertReqs]. For a client, the last two are equivalent.
const (
	CertNone     = "none"     // accept any certificate
	CertOptional = "optional" // as CertRequired
	CertRequired = "required" // verify the certificate and the host name
)

// Redis is the section redis, whose values redis_bundle 0.2 passes to redis-py. The zero
// value is not the default configuration; [Load] fills in the defaults, even
// if the section is absent.
//
// Load ignores the keys socket_keepalive and encoding_errors, and, if they are null,
// charset, connection_pool, errors and socket_keepalive_options. They have no meaning in
// Go.
type Redis struct {
	// Host is the host name or address (host). Default "localhost".
	Host string
	// Port is the TCP port (port), 1 to 65535. Default 6379.
	Port int
	// DB is the number of the database (db). Default 0.
	DB int
	// Password is the password (password), or empty for no password.
	Password Secret
	// SocketTimeout limits each read and write (socket_timeout, in seconds). 0
	// means not configured: redis-py then waits without limit, and
	// go-redis uses its default.
	SocketTimeout time.Duration
	// SocketConnectTimeout limits connecting (socket_connect_timeout, in
	// seconds). 0 means not configured: SocketTimeout then applies, as in redis-py.
	SocketConnectTimeout time.Duration
	// RetryOnTimeout repeats a command once after a timeout
	// (retry_on_timeout). Default false. Redis may have executed a command that timed
	// out, and then executes it twice.
	RetryOnTimeout bool
	// MaxConnections limits the number of connections (max_connections). Default 0,
	// which means no limit.
	MaxConnections int
	// UnixSocketPath is the path of a Unix socket (unix_socket_path). If set, Host, Port
	// and SSL are ignored. redis_bundle 0.2 declares the
	// key, but accepts no value for it.
	UnixSocketPath string
	// SSL enables TLS (ssl). Default false.
	SSL bool
	// SSLCertReqs selects the verification of the server's certificate
	// (ssl_cert_reqs): CertNone, CertOptional or CertRequired. Default
	// CertRequired, which also verifies the host name. redis_bundle 0.2
	// declares the key, but accepts no value for it and never verifies.
	SSLCertReqs string
	// SSLCACerts is the path of a PEM file with additional trusted certificate
	// authorities (ssl_ca_certs). redis_bundle 0.2
	// declares the key, but accepts no value for it.
	SSLCACerts string
	// SSLCertFile and SSLKeyFile are the paths of the client's certificate and
	// key (ssl_certfile, ssl_keyfile), in PEM. redis_bundle 0.2 declares the
	// keys, but accepts no values for them.
	SSLCertFile string
	SSLKeyFile  string // see SSLCertFile
}

func defaultRedis() Redis {
	return Redis{Host: "localhost", Port: 6379, SSLCertReqs: CertRequired}
}

// Options returns the go-redis options for the configuration. Settings that are not
// configured have go-redis' defaults. Paths
// are relative to the working directory. Options returns an error if it cannot read a
// certificate file.
//
// As redis-py, the client does not repeat failed commands (MaxRetries is -1), or
// repeats them once with RetryOnTimeout.
func (r Redis) Options() (*redis.Options, error) {
	options := &redis.Options{
		Network:      "tcp",
		Addr:         net.JoinHostPort(r.Host, strconv.Itoa(r.Port)),
		DB:           r.DB,
		Password:     string(r.Password),
		DialTimeout:  r.SocketConnectTimeout,
		ReadTimeout:  r.SocketTimeout,
		WriteTimeout: r.SocketTimeout,
		MaxRetries:   -1,
	}
	if options.DialTimeout == 0 {
		options.DialTimeout = r.SocketTimeout
	}
	if r.RetryOnTimeout {
		options.MaxRetries = 1
	}
	if r.MaxConnections > 0 {
		options.PoolSize = r.MaxConnections
		options.MaxActiveConns = r.MaxConnections
		options.PipelinePoolSize = -1 // its connections would exceed MaxConnections
	}
	if r.UnixSocketPath != "" {
		options.Network, options.Addr = "unix", r.UnixSocketPath
		return options, nil
	}
	if r.SSL {
		config, err := r.tlsConfig()
		if err != nil {
			return nil, err
		}
		options.TLSConfig = config
	}
	return options, nil
}

func (r Redis) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{
		ServerName:         r.Host,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: r.SSLCertReqs == CertNone, //nolint:gosec // the configuration requests it explicitly
	}
	if r.SSLCACerts != "" {
		pem, err := os.ReadFile(r.SSLCACerts)
		if err != nil {
			return nil, fmt.Errorf("redis.ssl_ca_certs: cannot read the file: %w", withoutPath(err))
		}
		if config.RootCAs, err = x509.SystemCertPool(); err != nil {
			config.RootCAs = x509.NewCertPool()
		}
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("redis.ssl_ca_certs: the file contains no PEM certificate")
		}
	}
	switch {
	case r.SSLCertFile == "" && r.SSLKeyFile == "":
	case r.SSLCertFile == "" || r.SSLKeyFile == "":
		return nil, errors.New("redis.ssl_certfile and redis.ssl_keyfile: set both or neither")
	default:
		certificate, err := tls.LoadX509KeyPair(r.SSLCertFile, r.SSLKeyFile)
		if err != nil {
			return nil, fmt.Errorf("redis.ssl_certfile, redis.ssl_keyfile: %w", withoutPath(err))
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}

// withoutPath returns the cause of a file error. The path is a value of the configuration
// and must not be shown.
func withoutPath(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}
