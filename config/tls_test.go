package config_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/config"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour),
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// issue makes a certificate for 127.0.0.1 and its key, in PEM form.
func (a *authority) issue(name string) (cert, key []byte) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, k.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// party is a server that wants certificates of its clients, and says whose they are.
func party(t *testing.T, a *authority, clients *authority) (address string, names <-chan string) {
	cert, key := a.issue("server")
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(clients.cert)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	seen := make(chan string, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if c := conn.(*tls.Conn); c.HandshakeContext(t.Context()) == nil {
				seen <- c.ConnectionState().PeerCertificates[0].Subject.CommonName
			}
			conn.Close()
		}
	}()
	return l.Addr().String(), seen
}

// Certificates are replaced while a processor runs: what is right is used for the next connection, and what is not changes
// nothing but the log.
func TestCertificatesAreReadAgain(t *testing.T) {
	first, second := newAuthority(t, "first"), newAuthority(t, "second")
	clients := newAuthority(t, "clients")
	one, seenByOne := party(t, first, clients)
	two, seenByTwo := party(t, second, clients)

	dir := t.TempDir()
	put := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key := clients.issue("january")
	c, err := load(t, "", []string{
		"RIVUSIO_TLS_ENABLED=true", "RIVUSIO_TLS_CA_FILE=" + put("ca", first.pem()),
		"RIVUSIO_TLS_CERT_FILE=" + put("cert", cert), "RIVUSIO_TLS_KEY_FILE=" + put("key", key),
	})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c.Engine.Logger = slog.New(slog.NewTextHandler(&log, nil))
	connects := func(address string, seen <-chan string, as string) {
		t.Helper()
		conn, err := c.Engine.Dialer(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := <-seen; got != as {
			t.Errorf("connected as %q, want %q", got, as)
		}
	}
	refuses := func(address string) {
		t.Helper()
		if conn, err := c.Engine.Dialer(t.Context(), "tcp", address); err == nil {
			conn.Close()
			t.Error("a server of another authority was taken")
		} else if !strings.Contains(err.Error(), "unknown authority") {
			t.Error(err)
		}
	}
	logged := func(lines int, text string) {
		t.Helper()
		if n := strings.Count(log.String(), text); n != lines {
			t.Errorf("%d lines say %q, want %d:\n%s", n, text, lines, &log)
		}
	}

	connects(one, seenByOne, "january")
	refuses(two)
	logged(0, "msg")

	newCert, newKey := clients.issue("february")
	put("cert", newCert) // its key is not there yet
	connects(one, seenByOne, "january")
	connects(one, seenByOne, "january")
	logged(1, "cannot be used")
	put("key", newKey)
	connects(one, seenByOne, "february")
	logged(1, "are used for new connections")

	put("ca", []byte("no PEM"))
	connects(one, seenByOne, "february")
	if err := os.Remove(filepath.Join(dir, "ca")); err != nil {
		t.Fatal(err)
	}
	connects(one, seenByOne, "february")
	connects(one, seenByOne, "february")
	logged(3, "cannot be used")
	put("ca", second.pem())
	connects(two, seenByTwo, "february")
	refuses(one)
	logged(2, "are used for new connections")
	logged(0, "PRIVATE KEY")
}

// The admin server presents the certificate that lies on disk.
func TestAdminCertificateIsReadAgain(t *testing.T) {
	a := newAuthority(t, "authority")
	dir := t.TempDir()
	put := func(name string) {
		cert, key := a.issue(name)
		for file, content := range map[string][]byte{"cert": cert, "key": key} {
			if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	put("january")
	c, err := load(t, "", []string{"RIVUSIO_ADMIN_TLS_CERT_FILE=" + filepath.Join(dir, "cert"), "RIVUSIO_ADMIN_TLS_KEY_FILE=" + filepath.Join(dir, "key")})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"january", "february"} {
		put(want)
		cert, err := c.Admin.TLS.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		if leaf, err := x509.ParseCertificate(cert.Certificate[0]); err != nil || leaf.Subject.CommonName != want {
			t.Errorf("got %v, %v, want %s", leaf.Subject, err, want)
		}
	}
}

func TestAdminIsOffOnlyIfSaid(t *testing.T) {
	for value, want := range map[string]bool{"none": false, ":8080": true, "127.0.0.1:0": true} {
		if c, err := load(t, "admin: {address: '"+value+"'}", nil); err != nil || (c.Admin != nil) != want {
			t.Errorf("%s: got %+v, %v", value, c, err)
		}
	}
	if c, err := config.Load(config.Sources{}); err != nil || c.Admin == nil || c.Admin.Address != "" {
		t.Errorf("by default: got %+v, %v", c, err)
	}
}
