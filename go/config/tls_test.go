package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/remote-events/remote-events/go/config"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	certificate, key := keyPair(t)
	certFile := file(t, directory, "cert.pem", certificate)
	keyFile := file(t, directory, "key.pem", key)
	for name, test := range map[string]struct {
		redis    config.Redis
		insecure bool
		err      string
	}{
		"verified by default":  {redis: config.Redis{SSLCertReqs: config.CertRequired}},
		"optional is required": {redis: config.Redis{SSLCertReqs: config.CertOptional}},
		"not verified":         {redis: config.Redis{SSLCertReqs: config.CertNone}, insecure: true},
		"authority and client": {redis: config.Redis{SSLCACerts: certFile, SSLCertFile: certFile, SSLKeyFile: keyFile}},
		"no such authority":    {redis: config.Redis{SSLCACerts: directory + "/none"}, err: "redis.ssl_ca_certs"},
		"not an authority":     {redis: config.Redis{SSLCACerts: keyFile}, err: "contains no PEM certificate"},
		"half a client":        {redis: config.Redis{SSLCertFile: certFile}, err: "set both or neither"},
		"not a client":         {redis: config.Redis{SSLCertFile: keyFile, SSLKeyFile: keyFile}, err: "redis.ssl_keyfile"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.redis.SSL, test.redis.Host = true, "redis.example"
			o, err := test.redis.Options()
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %v, want an error with %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c := o.TLSConfig; c.InsecureSkipVerify != test.insecure || c.ServerName != "redis.example" ||
				(c.RootCAs != nil) != (test.redis.SSLCACerts != "") ||
				(len(c.Certificates) == 1) != (test.redis.SSLCertFile != "") {
				t.Errorf("got %+v", c)
			}
		})
	}
}

// keyPair returns a self-signed certificate and its key, in PEM.
func keyPair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}
