package rivusio

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// A command reaches a broker that wants TLS and a password, and says what is wrong if it may not.
func TestSecurity(t *testing.T) {
	ca, server := certificates(t)
	password := write(t, "password", "correct horse\n")
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "numbers", "doubles"),
			kfake.TLS(&tls.Config{Certificates: []tls.Certificate{server}}),
			kfake.EnableSASL(), kfake.Superuser(mechanism, "bob", "correct horse"))
		if err != nil {
			t.Fatal(err)
		}
		plan := func(args ...string) result {
			return command(t.Context(), []Constructor{double}, append([]string{
				"topics", "plan", "--brokers", c.ListenAddrs()[0], "--connect-timeout", "2s", "--sasl-mechanism", mechanism, "--sasl-user", "bob",
			}, args...)...)
		}
		if r := plan("--tls-enabled", "--tls-ca-file", ca, "--sasl-password-file", password); r.code != ExitOK {
			t.Errorf("%s: got %+v", mechanism, r)
		}
		wrong := write(t, "wrong", "battery staple")
		r := plan("--tls-enabled", "--tls-ca-file", ca, "--sasl-password-file", wrong)
		if r.code != ExitFailure || !strings.HasPrefix(r.lastLine(), "processor: engine: no answer from brokers") || strings.Contains(r.errors, "battery") {
			t.Errorf("%s with a wrong password: got %+v", mechanism, r)
		}
		r = plan("--tls-enabled", "--sasl-password-file", password)
		if r.code != ExitFailure || !strings.Contains(r.lastLine(), "certificate signed by unknown authority") {
			t.Errorf("%s with an unknown authority: got %+v", mechanism, r)
		}
		if r := plan("--tls-enabled", "--tls-insecure-skip-verify", "--sasl-password-file", password); r.code != ExitOK {
			t.Errorf("%s without a check of the certificate: got %+v", mechanism, r)
		}
		c.Close()
	}
}

func write(t *testing.T, name, content string) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// certificates makes an authority, as a file, and a certificate of it for 127.0.0.1.
func certificates(t *testing.T) (caFile string, server tls.Certificate) {
	sign := func(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) []byte {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	caKey, key := newKey(), newKey()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER := sign(ca, ca, caKey, caKey)
	leaf := sign(&x509.Certificate{SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, ca, key, caKey)
	pemText := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	return write(t, "ca.pem", string(pemText)), tls.Certificate{Certificate: [][]byte{leaf}, PrivateKey: key}
}
