package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

const password = "hunter2secret"

func TestAddressPrecedence(t *testing.T) {
	t.Parallel()
	flag, env, file := miniredis.RunT(t), miniredis.RunT(t), miniredis.RunT(t)
	config := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "redis:\n  host: %s\n  port: %s\n  db: 3\n", file.Host(), file.Port()), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{redisURLEnv + "=" + urlOf(env.Addr())}
	for name, test := range map[string]struct {
		args    []string
		environ []string
		where   *miniredis.RedisDB
	}{
		"flag":        {[]string{"--redis", urlOf(flag.Addr()), "--config", config}, environ, flag.DB(0)},
		"environment": {[]string{"--config", config}, environ, env.DB(0)},
		"file":        {[]string{"--config", config}, nil, file.DB(3)},
	} {
		args := append([]string{"send", name, "{}"}, test.args...)
		invocation{args: args, env: test.environ}.run(t.Context()).expect(t, exitDone)
		if messages, err := test.where.List(name); err != nil || len(messages) != 1 {
			t.Errorf("%s: %v %v", name, messages, err)
		}
	}
	if target, err := new(app{connection: connectionFlags{timeout: time.Second}}).target(nil); err != nil || target.String() != defaultRedisURL {
		t.Errorf("default: %v %v", target, err)
	}
}

func TestAddressOf(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"redis://u:secret@h:1/2": "redis://h:1/2", "redis://u:secret@h:1,i/2": "redis://h:1,i:6379/2",
		"redis-sentinel://:secret@h,i:1/2?sentinel_password=secret&master=a%20b": "redis-sentinel://h:26379,i:1/2?master=a+b",
		"rediss-sentinel://[::1]?master=m":                                       "rediss-sentinel://[::1]:26379/0?master=m", "rediss://:secret@h": "rediss://h:6379/0", "redis://[::1]": "redis://[::1]:6379/0",
		"unix://u:secret@/run/redis.sock": "unix:///run/redis.sock", "unix:///run/redis.sock?db=2": "unix:///run/redis.sock?db=2",
	} {
		target, err := parseTarget("--redis", url)
		if err != nil || target.String() != want {
			t.Errorf("%s: %v, %v", url, target, err)
		}
	}
}

// No message quotes a password, wherever in a URL it makes things go wrong.
func TestNoPasswordIsShown(t *testing.T) {
	t.Parallel()
	closed := redistest.FreeAddr(t)
	for _, url := range []string{
		"redis://:" + password + "@" + closed, "redis://user:" + password + "@" + closed + "/0", "redis://:" + password + "@@" + closed,
		"redis://:x@" + password + "@" + closed,
		"redis://:" + password + "/x@" + closed, "redis://:" + password + "?x@" + closed, "redis://:" + password + "#x@" + closed,
		"redis://:x/" + password + "@" + closed, "redis://:1#" + password + "@" + closed, "redis://:1/" + password + "@" + closed,
		"redis://:1?" + password + "@" + closed, "redis://:" + password + "%zz@" + closed, "redis://:%" + password + "@" + closed,
		"redis://:" + password + "[@" + closed, "redis://:" + password + " x@" + closed, "redis://:" + password + "\x7f@" + closed,
		"redis://:" + password, "redis://:" + password + "#", "redis://:1#" + password,
		"redis:" + password + "@h", ":" + password + "@" + closed, password + "@" + closed, "http://:" + password + "@" + closed,
		"rediss://:" + password + "@" + closed, "unix://:" + password + "@/nowhere/redis.sock", "unix://:" + password + "@",
		"redis://:" + password + "@" + closed + "/many", "redis://:" + password + "@" + closed + "?dial_timeout=x", "redis://:" + password + "@" + closed + "?what=1",
		"redis://:" + password + "@nowhere.invalid",
	} {
		for _, i := range []invocation{
			{args: []string{"send", "x", "{}", "--redis", url}},
			{args: []string{"send", "x", "{}"}, env: []string{redisURLEnv + "=" + url}},
			{args: []string{"listen", "x", "--redis=" + url}},
			{args: []string{"send", "x", "--ndjson", "-", "--redis", url}},
		} {
			r := i.run(t.Context())
			if r.code != exitConnection && r.code != exitUsage {
				t.Errorf("%s: exit code %d", url, r.code)
			}
			if strings.Contains(r.stdout+r.stderr, password) {
				t.Errorf("%s: the password is shown: %s", url, r.stderr)
			}
			if !strings.Contains(r.stderr, "hint:") {
				t.Errorf("%s: no hint: %s", url, r.stderr)
			}
		}
	}
	for _, args := range [][]string{
		{"redis://:" + password + "@h"}, {"send", "x", "{}", "-x=redis://:" + password + "@h"}, {"demo", "redis://:" + password + "@h"},
		{"send", "x", "{}", "--rediss=redis://:" + password + "@h"}, {"dev", "--addr", "redis://:" + password + "@h"}, {"help", "redis://:" + password + "@h"},
	} {
		if r := invoke(t, args...); r.code != exitUsage || strings.Contains(r.stderr, password) {
			t.Errorf("%v: %d %s", args, r.code, r.stderr)
		}
	}
}

func TestPassword(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"embedded", "redis"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			const difficult = "p@" + password
			var addr string
			if kind == "redis" {
				addr = redistest.Start(t, redistest.FreeAddr(t), "--requirepass", difficult).Addr
			} else {
				fake := miniredis.RunT(t)
				fake.RequireAuth(difficult)
				addr = fake.Addr()
			}
			invoke(t, "send", "x", "{}", "--redis", "redis://:p%40"+password+"@"+addr).expect(t, exitDone)
			invoke(t, "send", "x", "{}", "--redis", "redis://:p@"+password+"@"+addr).expect(t, exitDone)
			for _, verb := range [][]string{{"send", "x", "{}"}, {"listen", "x"}, {"send", "x", "--ndjson", "-"}} {
				invoke(t, append(verb, "--redis", "redis://"+addr)...).expect(t, exitConnection, "NOAUTH", addr, "redis://:PASSWORD@HOST")
				r := invoke(t, append(verb, "--redis", "redis://:"+password+"@"+addr)...).expect(t, exitConnection, "WRONGPASS", addr, "check the password")
				if strings.Contains(r.stderr, password) {
					t.Errorf("the password is shown: %s", r.stderr)
				}
			}
		})
	}
}

func TestPermission(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.FreeAddr(t)).Addr
	admin := redis.NewClient(&redis.Options{Addr: addr})
	defer admin.Close()
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "weak", "on", ">"+password, "~allowed", "+lpush", "+brpop", "+rpop").Err(); err != nil {
		t.Fatal(err)
	}
	url := "redis://weak:" + password + "@" + addr
	invoke(t, "send", "allowed", "{}", "--redis", url).expect(t, exitDone)
	invoke(t, "listen", "allowed", "--count", "1", "--at-most-once", "--redis", url).expect(t, exitDone)
	denied := invoke(t, "listen", "allowed", "--redis", url).expect(t, exitConnection, "NOPERM", "ACL SETUSER weak ~allowed ~remote-event:v1:{allowed}:* +blmove")
	_, rule, _ := strings.Cut(denied.stderr, "ACL SETUSER weak ")
	rule, _, _ = strings.Cut(rule, "\n")
	args := []any{"ACL", "SETUSER", "strong", "on", ">" + password, "+lpush"}
	for word := range strings.FieldsSeq(rule) {
		args = append(args, word)
	}
	if err := admin.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
	strong := "redis://strong:" + password + "@" + addr
	invoke(t, "send", "allowed", "{}", "--redis", strong).expect(t, exitDone)
	invoke(t, "listen", "allowed", "--count", "1", "--redis", strong).expect(t, exitDone)
	invoke(t, "send", "other", "{}", "--redis", url).expect(t, exitConnection, "NOPERM", "ACL SETUSER")
	invocation{args: []string{"send", "other", "--ndjson", "-", "--redis", url}, stdin: strings.NewReader("{}")}.run(t.Context()).
		expect(t, exitConnection, "NOPERM", "stored: 0")
	invoke(t, "listen", "other", "--redis", url).expect(t, exitConnection, "NOPERM", "ACL SETUSER")
	invoke(t, "listen", "allowed", "--redis", "redis://nobody:"+password+"@"+addr).expect(t, exitConnection, "WRONGPASS", "user name")
}

// A server that accepts connections and says nothing is waited for, and no
// longer than that.
func TestConnectTimeout(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	url := "redis://:" + password + "@" + listener.Addr().String()
	began := time.Now()
	r := invoke(t, "send", "x", "{}", "--connect-timeout", "200ms", "--redis", url).
		expect(t, exitConnection, "no reply within 200ms", listener.Addr().String(), "--connect-timeout")
	if took := time.Since(began); took < 150*time.Millisecond || took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if strings.Contains(r.stderr, password) {
		t.Errorf("the password is shown: %s", r.stderr)
	}
}

func TestInterruptedWhileConnecting(t *testing.T) {
	t.Parallel()
	for verb, code := range map[string]int{"send": exitInterrupted, "listen": exitDone} {
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			connection, err := listener.Accept()
			if err == nil {
				defer func() { _ = connection.Close() }()
				_, _ = connection.Read(make([]byte, 1)) // it says hello
			}
			cancel()
		}()
		began := time.Now()
		invocation{args: []string{verb, "x", "--connect-timeout", "1m", "--redis", urlOf(listener.Addr().String())}, stdin: strings.NewReader("{}")}.run(ctx).expect(t, code)
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("it took %v", took)
		}
		listener.Close()
	}
}

func TestConnectWaitsWhileRedisLoads(t *testing.T) {
	t.Parallel()
	fake := miniredis.RunT(t)
	pings := 0
	fake.Server().SetPreHook(func(peer *server.Peer, command string, _ ...string) bool {
		if command == "PING" && pings < 2 {
			pings++
			peer.WriteError("LOADING Redis is loading the dataset in memory")
			return true
		}
		return false
	})
	invoke(t, "send", "x", "{}", "--redis", urlOf(fake.Addr())).expect(t, exitDone)
	pings = -1 << 30
	invoke(t, "send", "x", "{}", "--connect-timeout", "3s", "--redis", urlOf(fake.Addr())).expect(t, exitConnection, "LOADING", "hint:")
}

// certificate makes a certificate for 127.0.0.1 that signs itself, in files.
func certificate(t *testing.T) (cert, key string, pair tls.Certificate) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	if pair, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, string(certPEM)), writeFile(t, string(keyPEM)), pair
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, pair := certificate(t)
	clients := x509.NewCertPool()
	clients.AddCert(pair.Leaf)
	secure, err := miniredis.RunTLS(&tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.VerifyClientCertIfGiven,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	plain := miniredis.RunT(t)
	url := "rediss://" + secure.Addr()
	invoke(t, "send", "x", "{}", "--redis", url, "--tls-ca", cert).expect(t, exitDone)
	invoke(t, "send", "x", "{}", "--redis", url, "--tls-ca", cert, "--tls-cert", cert, "--tls-key", key).expect(t, exitDone)
	invoke(t, "send", "x", "{}", "--redis", url).expect(t, exitConnection, "certificate", "--tls-ca")
	invoke(t, "send", "x", "{}", "--redis", "rediss://"+plain.Addr(), "--connect-timeout", "1s").expect(t, exitConnection, "redis://")
	invoke(t, "send", "x", "{}", "--redis", urlOf(secure.Addr())).expect(t, exitConnection, "rediss://")
	invoke(t, "send", "x", "{}", "--redis", url, "--tls-ca", key).expect(t, exitFailed, "--tls-ca", "PEM")
	invoke(t, "send", "x", "{}", "--redis", url, "--tls-ca", cert+".missing").expect(t, exitFailed, "--tls-ca")
	invoke(t, "send", "x", "{}", "--redis", url, "--tls-cert", key, "--tls-key", cert).expect(t, exitFailed, "--tls-cert")
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	directory, err := os.MkdirTemp("", "re") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(directory) }()
	socket := filepath.Join(directory, "s")
	redistest.Start(t, redistest.FreeAddr(t), "--unixsocket", socket)
	invoke(t, "send", "x", "{}", "--redis", "unix://"+socket).expect(t, exitDone)
	invoke(t, "listen", "x", "--count", "1", "--redis", "unix://"+socket).expect(t, exitDone)
	invoke(t, "send", "x", "{}", "--redis", "unix://"+socket+".missing").expect(t, exitConnection, "hint:")
}

// TestCredentialsInTheHost: a configuration has a URL where a host belongs.
func TestCredentialsInTheHost(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"anna:hunter2@localhost", "redis://anna:hunter2@localhost", ":hunter2@localhost:1"} {
		config := writeFile(t, "redis:\n  host: \""+host+"\"\n  port: 1\n")
		r := invoke(t, "queue", "ls", "--config", config, "--connect-timeout", "1s").expect(t, exitConnection, "cannot use Redis")
		if strings.Contains(r.stderr, "hunter2") {
			t.Errorf("%s: %s", host, r.stderr)
		}
	}
}
