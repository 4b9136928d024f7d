package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// tlsKeys are the keys of section tls.
type tlsKeys struct {
	enabled, insecure                     bool
	caFile, certFile, keyFile, serverName string
}

// finishTLS makes what the engine needs of the keys, and reads the files that they name.
func (c *Config) finishTLS() (mistakes []mistake) {
	t := c.tls
	switch {
	case !c.sound("tls.enabled", "tls.insecure_skip_verify"):
		return nil
	case !t.enabled:
		return c.useless("without tls.enabled: true", "tls.ca_file", "tls.cert_file", "tls.key_file", "tls.server_name", "tls.insecure_skip_verify")
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.serverName, InsecureSkipVerify: t.insecure}
	if t.insecure {
		mistakes = append(mistakes, c.useless("together with tls.insecure_skip_verify: true", "tls.ca_file")...)
	} else if t.caFile != "" {
		pool, err := readCA(t.caFile)
		if err != nil {
			mistakes = append(mistakes, mistake{"tls.ca_file", err})
		}
		out.RootCAs = pool
	}
	switch {
	case t.certFile != "" && t.keyFile != "":
		if _, err := tls.LoadX509KeyPair(t.certFile, t.keyFile); err != nil {
			mistakes = append(mistakes, mistake{"tls.cert_file", err})
		}
		out.GetClientCertificate = reread(t.certFile, t.keyFile)
	case t.certFile != "":
		mistakes = append(mistakes, mistake{"tls.cert_file", errors.New("it needs tls.key_file too")})
	case t.keyFile != "":
		mistakes = append(mistakes, mistake{"tls.key_file", errors.New("it needs tls.cert_file too")})
	}
	c.Engine.TLS = out
	return mistakes
}

func readCA(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM form", path)
	}
	return pool, nil
}

// reread reads the client's certificate at each handshake: certificates of a day's life are replaced on disk while the
// processor runs.
func reread(certFile, keyFile string) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate (tls.cert_file, tls.key_file): %w", err)
		}
		return &pair, nil
	}
}
