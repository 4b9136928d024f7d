package config

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
)

// fromFiles is what is made of files, and made anew when they have changed: certificates of a day's life are replaced on disk
// while a processor runs. What cannot be made, as when only one of two files is replaced yet, is logged once for each change,
// and what was there before stays. It may be used by several goroutines.
type fromFiles[T any] struct {
	name  string // of the keys, for messages
	paths []string
	parse func(contents [][]byte) (T, error)
	log   func() *slog.Logger

	mu    sync.Mutex
	tried [][]byte
	value T
}

// load reads the files for the first time.
func (f *fromFiles[T]) load() (err error) {
	if f.tried, err = readFiles(f.paths); err == nil {
		f.value, err = f.parse(f.tried)
	}
	return err
}

// get is the value of the files as they are, or were when they were last right.
func (f *fromFiles[T]) get() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	contents, err := readFiles(f.paths)
	if slices.EqualFunc(contents, f.tried, bytes.Equal) {
		return f.value
	}
	f.tried = contents
	var value T
	if err == nil {
		value, err = f.parse(contents)
	}
	if err != nil {
		f.log().Error("files have changed and cannot be used; what they said before still holds", "keys", f.name, "error", err)
		return f.value
	}
	f.log().Info("files have changed and are used for new connections", "keys", f.name, "files", strings.Join(f.paths, ", "))
	f.value = value
	return value
}

func readFiles(paths []string) (contents [][]byte, err error) {
	for _, path := range paths {
		content, wrong := os.ReadFile(path)
		if wrong != nil && err == nil {
			err = wrong
		}
		contents = append(contents, content)
	}
	return contents, err
}

// logger is that of the engine, which is there when the first connection is opened.
func (c *Config) logger() *slog.Logger {
	if c.Engine.Logger != nil {
		return c.Engine.Logger
	}
	return slog.New(slog.DiscardHandler)
}

// keyPair is a certificate with its private key.
func (c *Config) keyPair(name, certFile, keyFile string) *fromFiles[*tls.Certificate] {
	return &fromFiles[*tls.Certificate]{name: name, paths: []string{certFile, keyFile}, log: c.logger, parse: func(contents [][]byte) (*tls.Certificate, error) {
		pair, err := tls.X509KeyPair(contents[0], contents[1])
		if err != nil {
			return nil, fmt.Errorf("%s and %s: %w", certFile, keyFile, err)
		}
		return &pair, nil
	}}
}

// authorities are those that sign the certificates of others.
func (c *Config) authorities(name, path string) *fromFiles[*x509.CertPool] {
	return &fromFiles[*x509.CertPool]{name: name, paths: []string{path}, log: c.logger, parse: func(contents [][]byte) (*x509.CertPool, error) {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(contents[0]) {
			return nil, fmt.Errorf("%s has no certificate in PEM form", path)
		}
		return pool, nil
	}}
}
