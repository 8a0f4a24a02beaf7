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

// The values of [Redis.SSLCertReqs]. A client has no use for the difference
// between the last two.
const (
	CertNone     = "none"     // take any certificate
	CertOptional = "optional" // as CertRequired
	CertRequired = "required" // verify the certificate and the host name
)

// Redis is the redis section: what redis_bundle 0.2 hands to redis-py. The zero
// value is not the default configuration; [Load] fills in the defaults, also
// where the section is absent.
//
// The keys socket_keepalive, encoding_errors, and, with no value but null,
// charset, connection_pool, errors and socket_keepalive_options are read and
// ignored: they have no meaning in Go.
type Redis struct {
	// Host is the host name or address (host). Default "localhost".
	Host string
	// Port is the TCP port (port), 1 to 65535. Default 6379.
	Port int
	// DB is the number of the database (db). Default 0.
	DB int
	// Password is the password (password), or empty where there is none.
	Password Secret
	// SocketTimeout limits a read or write (socket_timeout, in seconds), or is
	// 0 where it is not configured; redis-py then waits without limit, and
	// go-redis by its own default.
	SocketTimeout time.Duration
	// SocketConnectTimeout limits connecting (socket_connect_timeout, in
	// seconds), or is 0 where it is not configured; SocketTimeout then limits
	// it, as in redis-py.
	SocketConnectTimeout time.Duration
	// RetryOnTimeout has a command repeated once after a timeout
	// (retry_on_timeout). Default false. A command that timed out may have
	// been carried out: repeated, it may be carried out twice.
	RetryOnTimeout bool
	// MaxConnections limits the connections (max_connections), or is 0 where
	// there is no limit. Default 0.
	MaxConnections int
	// UnixSocketPath is the path of a Unix socket (unix_socket_path), which
	// takes precedence over Host, Port and SSL. redis_bundle 0.2 declares the
	// key, and cannot take a value for it.
	UnixSocketPath string
	// SSL asks for TLS (ssl). Default false.
	SSL bool
	// SSLCertReqs says how the server's certificate is verified
	// (ssl_cert_reqs): CertNone, CertOptional or CertRequired. Default
	// CertRequired, which verifies the host name, too. redis_bundle 0.2
	// declares the key, cannot take a value for it, and never verifies.
	SSLCertReqs string
	// SSLCACerts is the path of a PEM file with certificate authorities that
	// are trusted besides those of the system (ssl_ca_certs). redis_bundle 0.2
	// declares the key, and cannot take a value for it.
	SSLCACerts string
	// SSLCertFile and SSLKeyFile are the paths of the client's certificate and
	// key (ssl_certfile, ssl_keyfile), in PEM. redis_bundle 0.2 declares the
	// keys, and cannot take values for them.
	SSLCertFile string
	SSLKeyFile  string // see SSLCertFile
}

func defaultRedis() Redis {
	return Redis{Host: "localhost", Port: 6379, SSLCertReqs: CertRequired}
}

// Options returns the options of a go-redis client that connects as the
// configuration says; what it does not say has the default of go-redis. Paths
// are relative to the working directory. Options reads the files of
// certificates and fails where it cannot.
//
// As in redis-py, a command that failed is not repeated (MaxRetries is -1), or
// once with RetryOnTimeout.
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
		options.PipelinePoolSize = -1 // it would come on top
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
		InsecureSkipVerify: r.SSLCertReqs == CertNone, //nolint:gosec // the file asks for it in so many words
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
			return nil, errors.New("redis.ssl_ca_certs: no certificate in the file; it must be PEM")
		}
	}
	switch {
	case r.SSLCertFile == "" && r.SSLKeyFile == "":
	case r.SSLCertFile == "" || r.SSLKeyFile == "":
		return nil, errors.New("redis.ssl_certfile and redis.ssl_keyfile: one is of no use without the other")
	default:
		certificate, err := tls.LoadX509KeyPair(r.SSLCertFile, r.SSLKeyFile)
		if err != nil {
			return nil, fmt.Errorf("redis.ssl_certfile, redis.ssl_keyfile: %w", withoutPath(err))
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}

// withoutPath returns the cause of an error of a file, whose path is a value of
// the configuration.
func withoutPath(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}
