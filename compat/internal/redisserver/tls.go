package redisserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"
)

// certify writes the certificate of a new authority, a certificate for 127.0.0.1 and
// localhost that it has signed, and the key of the latter. It returns the paths of all
// three. There are two certificates, because some clients reject the certificate of an
// authority as the certificate of a server.
func certify(dir string) (authority, certificate, key string, err error) {
	issued := func(name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		}
	}
	issuer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", "", err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", "", err
	}
	root := issued("the authority of a test of compat")
	root.IsCA, root.BasicConstraintsValid, root.KeyUsage = true, true, x509.KeyUsageCertSign
	root.SubjectKeyId = []byte("compat") // Python 3.13 requires that the leaf names it
	leaf := issued("a test of compat")
	leaf.IPAddresses, leaf.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	write := func(name, kind string, der []byte, err error) (string, error) {
		path := filepath.Join(dir, name)
		if err == nil {
			err = os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
		}
		return path, err
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, issuer.Public(), issuer)
	authority, errAuthority := write("authority.pem", "CERTIFICATE", der, err)
	der, err = x509.CreateCertificate(rand.Reader, leaf, root, private.Public(), issuer)
	certificate, errCertificate := write("certificate.pem", "CERTIFICATE", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(private)
	key, errKey := write("key.pem", "PRIVATE KEY", der, err)
	return authority, certificate, key, errors.Join(errAuthority, errCertificate, errKey)
}

// Options returns the options of a client of the server.
func (s *Server) Options() (*redis.Options, error) {
	options, err := redis.ParseURL(s.url)
	if err != nil {
		return nil, errors.New("the server's URL is invalid") // no detail: it may contain the password
	}
	if s.authority == "" {
		return options, nil
	}
	text, err := os.ReadFile(s.authority)
	if err != nil {
		return nil, err
	}
	options.TLSConfig.RootCAs = x509.NewCertPool()
	options.TLSConfig.MinVersion = tls.VersionTLS12
	if !options.TLSConfig.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate", s.authority)
	}
	return options, nil
}

// Authority returns the file of the certificate that signs the server's, "" if a client
// needs none.
func (s *Server) Authority() string { return s.authority }
