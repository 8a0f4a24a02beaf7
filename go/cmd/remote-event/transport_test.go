package main

import (
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
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/remote-events/remote-events/go/internal/redistest"
)

// authority is an own certificate authority, whose files are for servers and clients.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t, cert, key, writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))}
}

// issue returns the files of a certificate for a name.
func (a *authority) issue(name string) (cert, key string) {
	a.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &private.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return writeFile(a.t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		writeFile(a.t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
}

// server returns the arguments of a server that requires TLS and a client's certificate.
func (a *authority) server(addr, name string) []string {
	cert, key := a.issue(name)
	_, port, _ := net.SplitHostPort(addr)
	return []string{
		"--port", "0", "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", a.file, "--tls-auth-clients", "yes",
	}
}

// TestTLSOfARealServer connects with an own authority, a client's certificate and a server
// name, by flags and by the keys of an applauncher configuration.
func TestTLSOfARealServer(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	cert, key := authority.issue("client")
	addr := redistest.FreeAddr(t)
	redistest.Start(t, addr, append(authority.server(addr, "redis.internal"), "--requirepass", password)...)
	url := "rediss://:" + password + "@" + addr
	flags := []string{"--tls-ca", authority.file, "--tls-cert", cert, "--tls-key", key, "--tls-server-name", "redis.internal"}
	send := []string{"send", "x", "{}", "--redis", url}
	invoke(t, append(send, flags...)...).expect(t, exitDone)
	invoke(t, append(send, flags[:6]...)...).expect(t, exitConnection, "certificate") // not for 127.0.0.1
	invoke(t, append(send, "--tls-ca", authority.file, "--tls-server-name", "redis.internal")...).expect(t, exitConnection)
	invoke(t, append([]string{"doctor", "x", "--redis", url}, flags...)...).expect(t, exitDone)

	addr = redistest.FreeAddr(t)
	redistest.Start(t, addr, append(authority.server(addr, "127.0.0.1"), "--requirepass", password)...)
	_, port, _ := net.SplitHostPort(addr)
	configuration := func(lines ...string) string {
		return writeFile(t, "redis:\n  host: 127.0.0.1\n  port: "+port+"\n  password: "+password+"\n  ssl: true\n  "+strings.Join(lines, "\n  ")+"\n")
	}
	pair := []string{"ssl_certfile: " + cert, "ssl_keyfile: " + key}
	good := configuration(append(pair, "ssl_ca_certs: "+authority.file, "ssl_cert_reqs: required")...)
	invoke(t, "send", "x", "{}", "--config", good).expect(t, exitDone)
	invoke(t, "listen", "x", "--count", "1", "--config", good).expect(t, exitDone)
	invoke(t, "send", "x", "{}", "--config", configuration(pair...)).expect(t, exitConnection, "certificate")
	invoke(t, "send", "x", "{}", "--config", configuration(append(pair, "ssl_cert_reqs: none")...)).expect(t, exitDone, "not verified")
	invoke(t, "send", "x", "{}", "--config", configuration("ssl_ca_certs: "+authority.file)).expect(t, exitConnection)
}

// TestTLSOfACluster checks that every node is verified, with the name that all have.
func TestTLSOfACluster(t *testing.T) {
	t.Parallel()
	authority := newAuthority(t)
	cert, key := authority.issue("client")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority.cert)
	client := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}, ServerName: "redis.internal"}
	addrs := redistest.StartTLSCluster(t, 2, client, func(addr string) []string { return authority.server(addr, "redis.internal") })
	flags := []string{"--redis", "rediss://" + addrs[0], "--tls-ca", authority.file, "--tls-cert", cert, "--tls-key", key}
	named := append(slices.Clone(flags), "--tls-server-name", "redis.internal")
	for i := range 6 { // on both nodes, but for one chance in 32
		invoke(t, append([]string{"send", fmt.Sprintf("event_%d", i), "{}"}, named...)...).expect(t, exitDone)
	}
	if table := invoke(t, append([]string{"queue", "ls"}, named...)...).expect(t, exitDone).stdout; strings.Count(table, "event_") != 6 {
		t.Errorf("queue ls:\n%s", table)
	}
	invoke(t, append([]string{"send", "x", "{}"}, flags...)...).expect(t, exitConnection, "certificate")
}

// TestUnixSocketOfAUser connects by a Unix socket as a user of an ACL, by URL and by the keys
// of a configuration.
func TestUnixSocketOfAUser(t *testing.T) {
	t.Parallel()
	directory, err := os.MkdirTemp("", "re") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(directory) }()
	socket := filepath.Join(directory, "s")
	redistest.Start(t, redistest.FreeAddr(t), "--unixsocket", socket, "--requirepass", password,
		"--user", "anna", "on", ">"+password, "~x", "~remote-event:v1:{x}:*", "+@all")
	invoke(t, "send", "x", "{}", "--redis", "unix://anna:"+password+"@"+socket).expect(t, exitDone)
	invoke(t, "listen", "x", "--count", "1", "--redis", "unix://anna:"+password+"@"+socket).expect(t, exitDone)
	invoke(t, "send", "y", "{}", "--redis", "unix://anna:"+password+"@"+socket).expect(t, exitConnection, "NOPERM")
	r := invoke(t, "send", "x", "{}", "--redis", "unix://anna:wrong@"+socket).expect(t, exitConnection, "WRONGPASS")
	if strings.Contains(r.stderr, "wrong@") {
		t.Errorf("the password is shown: %s", r.stderr)
	}
	config := writeFile(t, "redis:\n  unix_socket_path: "+socket+"\n  password: "+password+"\n  db: 1\n")
	invoke(t, "send", "x", "{}", "--config", config).expect(t, exitDone)
	if r := invoke(t, "queue", "ls", "--config", config).expect(t, exitDone); !strings.Contains(r.stdout, "  x\n") {
		t.Errorf("got %s", r.stdout)
	}
	invoke(t, "send", "x", "{}", "--config", writeFile(t, "redis:\n  unix_socket_path: "+socket+"\n")).expect(t, exitConnection, "NOAUTH")
}
