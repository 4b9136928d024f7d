package config

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// tlsKeys are the keys of section tls.
type tlsKeys struct {
	enabled, insecure                     bool
	caFile, certFile, keyFile, serverName string
}

// dialTimeout bounds the opening of a connection and its handshake.
const dialTimeout = 10 * time.Second

// finishTLS makes what the engine needs of the keys, and reads the files that they name.
func (c *Config) finishTLS() (mistakes []mistake) {
	t := c.tls
	switch {
	case !c.sound("tls.enabled", "tls.insecure_skip_verify"):
		return nil
	case !t.enabled:
		return c.useless("without tls.enabled: true", "tls.ca_file", "tls.cert_file", "tls.key_file", "tls.server_name", "tls.insecure_skip_verify")
	}
	base := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.serverName, InsecureSkipVerify: t.insecure}
	c.now = func() *tls.Config { return base.Clone() }
	if t.insecure {
		mistakes = append(mistakes, c.useless("together with tls.insecure_skip_verify: true", "tls.ca_file")...)
	} else if t.caFile != "" {
		pool := c.authorities("tls.ca_file", t.caFile)
		if err := pool.load(); err != nil {
			mistakes = append(mistakes, mistake{"tls.ca_file", err})
		}
		c.now = func() *tls.Config {
			now := base.Clone()
			now.RootCAs = pool.get()
			return now
		}
	}
	pair, wrong := c.pairOf("tls.cert_file", t.certFile, "tls.key_file", t.keyFile)
	if pair != nil {
		base.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair.get(), nil }
	}
	c.Engine.Dialer = c.dial
	return append(mistakes, wrong...)
}

// pairOf reads a certificate and its key, of which neither is of use without the other; nil if neither is given.
func (c *Config) pairOf(certName, certFile, keyName, keyFile string) (pair *fromFiles[*tls.Certificate], mistakes []mistake) {
	switch {
	case certFile != "" && keyFile != "":
		pair = c.keyPair(certName+", "+keyName, certFile, keyFile)
		if err := pair.load(); err != nil {
			mistakes = append(mistakes, mistake{certName, err})
		}
	case certFile != "":
		mistakes = append(mistakes, mistake{certName, errors.New("it needs " + keyName + " too")})
	case keyFile != "":
		mistakes = append(mistakes, mistake{keyName, errors.New("it needs " + certName + " too")})
	}
	return pair, mistakes
}

// TLS is how a connection to a broker that is opened now is encrypted: with the certificates that lie on disk. It is nil if
// connections are not.
func (c *Config) TLS() *tls.Config {
	if c.now == nil {
		return nil
	}
	return c.now()
}

// dial opens a connection to a broker. The files are looked at each time; the client of the engine would keep what it was
// given first.
func (c *Config) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: dialTimeout}, Config: c.TLS()}
	return d.DialContext(ctx, network, address)
}
