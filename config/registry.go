package config

import (
	"crypto/tls"
	"time"

	"github.com/rivusio/rivusio/serde/registry"
)

// registryKeys are the keys of section registry.
type registryKeys struct {
	urls                                           []string
	user, password, passwordFile, token, tokenFile string
	caFile, certFile, keyFile                      string
	autoRegister                                   bool
	subjects                                       registry.Strategy
	timeout                                        time.Duration
}

func registryTable() []Key {
	return []Key{
		list("registry.urls", "", endpointURL, func(c *Config) *[]string { return &c.registry.urls },
			"Addresses of the schema registry, for the serdes avro and json-schema of files.").derived("there is none"),
		one("registry.user", text, "", func(c *Config) *string { return &c.registry.user },
			"User of basic authentication."),
		one("registry.password", text, "", func(c *Config) *string { return &c.registry.password },
			"Password of basic authentication.").secret(),
		one("registry.password_file", text, "", func(c *Config) *string { return &c.registry.passwordFile },
			"File with the password."),
		one("registry.token", text, "", func(c *Config) *string { return &c.registry.token },
			"Token of bearer authentication.").secret(),
		one("registry.token_file", text, "", func(c *Config) *string { return &c.registry.tokenFile },
			"File with the token; it is read again for each request."),
		one("registry.ca_file", text, "", func(c *Config) *string { return &c.registry.caFile },
			"PEM file of the authorities that sign the registry's certificate.").derived("those of the system"),
		one("registry.cert_file", text, "", func(c *Config) *string { return &c.registry.certFile },
			"PEM file of the client's certificate; it is read again for each connection."),
		one("registry.key_file", text, "", func(c *Config) *string { return &c.registry.keyFile },
			"PEM file of the client's private key; it is read again for each connection."),
		one("registry.subjects", choice(words(registry.TopicName, registry.RecordName, registry.TopicRecordName)), string(registry.TopicName),
			func(c *Config) *registry.Strategy { return &c.registry.subjects },
			"How subjects are named: TOPIC-key and TOPIC-value, RECORD, or TOPIC-RECORD."),
		one("registry.auto_register", truth, "false", func(c *Config) *bool { return &c.registry.autoRegister },
			"Schemas that a subject has not are registered, if they are compatible."),
		one("registry.timeout", period(time.Millisecond), "10s", func(c *Config) *time.Duration { return &c.registry.timeout },
			"Longest time of one request."),
	}
}

// finishRegistry makes what the client of the registry needs of the keys, and reads the files that they name.
func (c *Config) finishRegistry() (mistakes []mistake) {
	r := c.registry
	if !c.sound("registry.urls", "registry.subjects", "registry.auto_register", "registry.timeout") {
		return nil
	}
	if len(r.urls) == 0 {
		return c.useless("without registry.urls", "registry.user", "registry.password", "registry.password_file", "registry.token", "registry.token_file",
			"registry.ca_file", "registry.cert_file", "registry.key_file", "registry.subjects", "registry.auto_register", "registry.timeout")
	}
	out := &registry.Config{URLs: r.urls, Username: r.user, Strategy: r.subjects, AutoRegister: r.autoRegister, Timeout: r.timeout}
	var err error
	if r.user != "" {
		if out.Password, err = secret("registry.password", r.password, r.passwordFile); err != nil {
			mistakes = append(mistakes, mistake{first(r.passwordFile != "", "registry.password_file", "registry.user"), err})
		}
		mistakes = append(mistakes, c.useless("with registry.user", "registry.token", "registry.token_file")...)
	} else {
		mistakes = append(mistakes, c.useless("without registry.user", "registry.password", "registry.password_file")...)
		if r.token != "" || r.tokenFile != "" {
			out.Token = func() (string, error) { return secret("registry.token", r.token, r.tokenFile) }
			if _, err := out.Token(); err != nil {
				mistakes = append(mistakes, mistake{first(r.tokenFile != "", "registry.token_file", "registry.token"), err})
			}
		}
	}
	pair, wrong := c.pairOf("registry.cert_file", r.certFile, "registry.key_file", r.keyFile)
	mistakes = append(mistakes, wrong...)
	if pair == nil && r.caFile == "" {
		c.Registry = out
		return mistakes
	}
	out.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if pair != nil {
		out.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair.get(), nil }
	}
	if r.caFile != "" {
		pool := c.authorities("registry.ca_file", r.caFile)
		if err := pool.load(); err != nil {
			mistakes = append(mistakes, mistake{"registry.ca_file", err})
		}
		out.TLS.RootCAs = pool.get()
	}
	c.Registry = out
	return mistakes
}
