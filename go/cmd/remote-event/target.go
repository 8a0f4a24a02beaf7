package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"
)

// target is the Redis of an invocation: where it is, and how to connect to it.
type target struct {
	// Options are the options of a single server, of each node of a cluster, or of the
	// primary that the Sentinels name. Their Addr is the first of addrs.
	*redis.Options

	// addrs are the server, some nodes of a cluster, or the Sentinels.
	addrs []string
	// master is the name that the Sentinels have for the primary, or "" without Sentinels.
	master string
	// context is the name of the context that names this Redis, or "".
	context string
	// sentinelUsername and sentinelPassword authenticate to the Sentinels.
	sentinelUsername, sentinelPassword string
}

// urlForms explains the forms of a Redis URL.
const urlForms = `the forms are redis://[[USER]:PASSWORD@]HOST[:PORT][,HOST[:PORT]…][/DB], rediss:// for TLS, ` +
	`redis-sentinel://[[USER]:PASSWORD@]HOST[:PORT][,HOST[:PORT]…][/DB]?master=NAME, rediss-sentinel:// for TLS, ` +
	`and unix://[[USER]:PASSWORD@]/PATH[?db=DB]; in a password, write characters other than letters and digits as %XX, such as @ as %40 and / as %2F`

const sentinelScheme = "-sentinel"

// parseTarget parses a URL. Its errors do not quote the URL, because any part of a
// malformed URL may be the password.
func parseTarget(origin, text string) (*target, error) {
	t, problem := readURL(text)
	if problem != "" {
		return nil, withHint(usageError(origin+": "+problem), urlForms)
	}
	return t, nil
}

// readURL returns the target of a URL, or a description of the problem.
func readURL(text string) (t *target, problem string) {
	scheme, rest, found := strings.Cut(text, "://")
	scheme, sentinel := strings.CutSuffix(scheme, sentinelScheme)
	if !found || scheme != "redis" && scheme != "rediss" && (scheme != "unix" || sentinel) {
		return nil, "not a URL that begins with redis://, rediss://, redis-sentinel://, rediss-sentinel:// or unix://"
	}
	// An unescaped character in a password would end the authority early, and make the
	// rest a host, a port, a database or a path.
	if end := strings.IndexAny(rest, "/?#"); scheme != "unix" && end >= 0 && strings.Contains(rest[end:], "@") {
		return nil, "there is an @ after the first /, ? or # of the URL: does the password contain one of these?"
	}
	if strings.Contains(rest, "#") {
		return nil, "a Redis URL has no #: is it part of the password?"
	}
	if scheme == "unix" {
		return readHosts(scheme+"://", []string{""}, rest)
	}
	t = &target{}
	if sentinel {
		if rest, problem = t.readSentinel(rest); problem != "" {
			return nil, problem
		}
	}
	credentials, hosts, path := splitURL(rest)
	for i, host := range hosts {
		if u, err := url.Parse("redis://" + host); err == nil && u.Port() == "" && sentinel {
			hosts[i] = strings.TrimSuffix(host, ":") + ":26379"
		}
	}
	read, problem := readHosts(scheme+"://"+credentials, hosts, path)
	if problem != "" {
		return nil, problem
	}
	t.Options, t.addrs = read.Options, read.addrs
	return t, ""
}

// readSentinel takes the parameters of Sentinels from the query of a URL, whose rest it
// returns.
func (t *target) readSentinel(rest string) (without, problem string) {
	rest, query, _ := strings.Cut(rest, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", "the part after the ? is not a list of NAME=VALUE"
	}
	for name, to := range map[string]*string{
		"master": &t.master, "sentinel_username": &t.sentinelUsername, "sentinel_password": &t.sentinelPassword,
	} {
		*to = values.Get(name)
		values.Del(name)
	}
	if t.master == "" {
		return "", "a URL of Sentinels must name the primary: add ?master=NAME"
	}
	if len(values) > 0 {
		rest += "?" + values.Encode()
	}
	return rest, ""
}

// splitURL splits the URL after the scheme into the credentials with their @, the hosts,
// and the path with the query.
func splitURL(rest string) (credentials string, hosts []string, path string) {
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		rest, path = rest[:end], rest[end:]
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		credentials, rest = rest[:at+1], rest[at+1:]
	}
	return credentials, strings.Split(rest, ","), path
}

// readHosts reads the URL of each host.
func readHosts(before string, hosts []string, after string) (t *target, problem string) {
	t = &target{}
	for _, host := range hosts {
		if host == "" && len(hosts) > 1 {
			return nil, "the list of hosts has an empty one"
		}
		options, err := redis.ParseURL(before + host + after)
		switch {
		case err == nil:
		case strings.HasPrefix(err.Error(), "redis: invalid database number"):
			return nil, "the database, after the last /, is not a number"
		case strings.HasPrefix(err.Error(), "redis: unexpected option: "):
			return nil, "unknown " + strings.TrimPrefix(err.Error(), "redis: unexpected ")
		default:
			return nil, "not a Redis URL"
		}
		if t.Options == nil {
			t.Options = options
		}
		t.addrs = append(t.addrs, options.Addr)
	}
	return t, ""
}

// String returns the URL of the target, without user name and password.
func (t *target) String() string {
	scheme := "redis"
	if t.TLSConfig != nil {
		scheme = "rediss"
	}
	addrs := strings.Join(t.addrs, ",")
	switch {
	case t.Network == "unix" && t.DB == 0:
		return "unix://" + addrs
	case t.Network == "unix":
		return fmt.Sprintf("unix://%s?db=%d", addrs, t.DB)
	case t.master != "":
		return fmt.Sprintf("%s%s://%s/%d?master=%s", scheme, sentinelScheme, addrs, t.DB, url.QueryEscape(t.master))
	default:
		return fmt.Sprintf("%s://%s/%d", scheme, addrs, t.DB)
	}
}

// place returns the URL with the name of the context, for messages about the changes of a
// changes.
func (t *target) place() string {
	if t.context == "" {
		return t.String()
	}
	return t.String() + " (context " + t.context + ")"
}

// client returns a client of the primary that the Sentinels name, or of the first
// address. It does not connect yet.
func (t *target) client() *redis.Client {
	if t.master == "" {
		return redis.NewClient(t.Options)
	}
	return redis.NewFailoverClient(t.universal().Failover())
}

// cluster returns a client of the cluster to which the addresses belong.
func (t *target) cluster() *redis.ClusterClient {
	return redis.NewClusterClient(t.universal().Cluster())
}

// universal returns the options for several servers.
func (t *target) universal() *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs: t.addrs, MasterName: t.master, SentinelUsername: t.sentinelUsername, SentinelPassword: t.sentinelPassword,
		Username: t.Username, Password: t.Password, DB: t.DB, TLSConfig: t.nodeTLS(), Protocol: t.Protocol, ClientName: t.ClientName,
		MaxRetries: t.MaxRetries, DialTimeout: t.DialTimeout, DialerRetries: t.DialerRetries,
		ReadTimeout: t.ReadTimeout, WriteTimeout: t.WriteTimeout, ContextTimeoutEnabled: t.ContextTimeoutEnabled,
		PoolSize: t.PoolSize, PoolTimeout: t.PoolTimeout, MinIdleConns: t.MinIdleConns, MaxIdleConns: t.MaxIdleConns,
		MaxActiveConns: t.MaxActiveConns, ConnMaxIdleTime: t.ConnMaxIdleTime, ConnMaxLifetime: t.ConnMaxLifetime,
	}
}

// nodeTLS returns the TLS configuration for servers other than the one of the URL. The
// certificate of each must include its own address, unless --tls-server-name gives a name
// that all have.
func (t *target) nodeTLS() *tls.Config {
	if t.TLSConfig == nil {
		return nil
	}
	c := t.TLSConfig.Clone()
	if host, _, err := net.SplitHostPort(t.Addr); err == nil && c.ServerName == host {
		c.ServerName = ""
	}
	return c
}
