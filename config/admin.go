package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"

	"github.com/rivusio/rivusio/admin"
)

// adminKeys are the keys of section admin.
type adminKeys struct {
	address, token, tokenFile, certFile, keyFile string
	profiling                                    admin.Profiling
}

// noAdmin is the address of a processor without an admin server.
const noAdmin = "none"

// listenAddress is [HOST]:PORT or none.
var listenAddress = kind[string]{"address or none", func(s string) (string, error) {
	_, port, err := net.SplitHostPort(s)
	if _, portErr := strconv.ParseUint(port, 10, 16); s != noAdmin && (err != nil || portErr != nil) {
		return "", fmt.Errorf("%q is not HOST:PORT, :PORT or none", s)
	}
	return s, nil
}}

var profiling = choice([]string{"auto", "on", "off"}, func(w string) admin.Profiling {
	return map[string]admin.Profiling{"auto": admin.ProfilingAuto, "on": admin.ProfilingOn, "off": admin.ProfilingOff}[w]
})

// finishAdmin makes what the admin server needs of the keys, and reads the files that they name.
func (c *Config) finishAdmin() (mistakes []mistake) {
	a := c.admin
	if !c.sound("admin.address", "admin.profiling") {
		return nil
	}
	if a.address == noAdmin {
		return c.useless("with admin.address: none", "admin.token", "admin.token_file", "admin.tls_cert_file", "admin.tls_key_file", "admin.profiling")
	}
	c.Admin = &admin.Config{Address: a.address, Profiling: a.profiling}
	if a.token != "" || a.tokenFile != "" {
		c.Admin.Token = func() (string, error) { return secret("admin.token", a.token, a.tokenFile) }
		if _, err := c.Admin.Token(); err != nil {
			mistakes = append(mistakes, mistake{"admin.token_file", err})
		}
	}
	pair, wrong := c.pairOf("admin.tls_cert_file", a.certFile, "admin.tls_key_file", a.keyFile)
	if pair != nil {
		c.Admin.TLS = &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.get(), nil },
		}
	}
	return append(mistakes, wrong...)
}
