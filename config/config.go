package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/rivusio/rivusio/admin"
	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/serde/registry"
	"github.com/rivusio/rivusio/telemetry"
)

// Config is a configuration without mistakes.
type Config struct {
	// Engine is the configuration of the engine, but for what only code can give: logger, observers. Its Logger, once it is set,
	// is told of certificates that change on disk.
	Engine engine.Config
	// Topology is the name of the topology to run; "" if there is only one.
	Topology string
	// Plugins is the folder with WebAssembly plugins for a topology in a file; "" for none.
	Plugins string
	Log     Log
	// Admin is the configuration of the admin server, but for what only code can give: the application, metrics. It is nil if
	// there is to be none.
	Admin *admin.Config
	// Telemetry is what is exported, but for what only code can give.
	Telemetry telemetry.Config
	// Registry is how the schema registry is reached; nil if there is none.
	Registry *registry.Config

	admin    adminKeys
	tls      tlsKeys
	sasl     saslKeys
	registry registryKeys
	now      func() *tls.Config // of TLS
	values   map[string]given
	bad      map[string]bool // keys whose value is a mistake by itself
}

// Log is how a processor logs.
type Log struct {
	Level  slog.Level
	Format LogFormat
}

// LogFormat is the form of log lines.
type LogFormat string

// The forms of log lines. LogAuto is text on a terminal and JSON elsewhere.
const (
	LogAuto LogFormat = "auto"
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Sources are where [Load] looks. The zero value has defaults only.
type Sources struct {
	Environ []string       // as of os.Environ
	Flags   *pflag.FlagSet // with the flags of AddFlags, parsed
}

// file is the path of the configuration file, "" for none.
func (s Sources) file() string {
	if s.Flags != nil {
		if f := s.Flags.Lookup(FileFlag); f != nil && f.Changed {
			return f.Value.String()
		}
	}
	path := ""
	for _, v := range s.Environ {
		if value, ok := strings.CutPrefix(v, FileEnv+"="); ok {
			path = value
		}
	}
	return path
}

// Error is everything that is wrong with a configuration.
type Error struct{ Mistakes []error }

// Error has one line for each mistake, and a line before them if they are several.
func (e *Error) Error() string {
	if len(e.Mistakes) == 1 {
		return "configuration: " + e.Mistakes[0].Error()
	}
	return fmt.Sprintf("configuration: %d mistakes\n%v", len(e.Mistakes), errors.Join(e.Mistakes...))
}

// Unwrap returns the mistakes.
func (e *Error) Unwrap() []error { return e.Mistakes }

// Load reads the configuration. An error is an *[Error] with all mistakes.
func Load(s Sources) (*Config, error) {
	l := &layers{k: koanf.New(".")}
	l.defaults()
	if path := s.file(); path != "" {
		l.file(path)
	}
	l.environment(s.Environ)
	if s.Flags != nil {
		l.flags(s.Flags)
	}

	c := &Config{values: make(map[string]given), bad: make(map[string]bool)}
	for _, k := range Keys() {
		v, ok := l.value(k)
		if !ok {
			continue
		}
		c.values[k.Name] = v
		if err := k.set(c, v.Items); err != nil {
			c.bad[k.Name] = true
			l.fail(v.Source, "%s: %w", k.Name, err)
		}
	}
	for _, mistake := range slices.Concat(c.finishTLS(), c.finishSASL(), c.finishAdmin(), c.finishRegistry(), c.checkBounds()) {
		l.fail(c.values[mistake.key].Source, "%s: %w", mistake.key, mistake.err)
	}
	if len(l.mistakes) > 0 {
		return nil, &Error{l.mistakes}
	}
	return c, nil
}

// mistake is something wrong with a key that has a value.
type mistake struct {
	key string
	err error
}

// checkBounds are the rules between keys.
func (c *Config) checkBounds() (mistakes []mistake) {
	e := &c.Engine
	if c.sound("guarantee", "commit_interval", "transaction_timeout") &&
		e.Guarantee == engine.ExactlyOnce && e.CommitInterval >= e.TransactionTimeout {
		mistakes = append(mistakes, mistake{"commit_interval", fmt.Errorf("%v is not less than transaction_timeout, which is %v", e.CommitInterval, e.TransactionTimeout)})
	}
	if c.sound("buffer_size", "buffer_resume_size") && e.BufferResumeBytes >= e.BufferBytes {
		mistakes = append(mistakes, mistake{"buffer_resume_size", fmt.Errorf("%d bytes are not less than buffer_size, which is %d", e.BufferResumeBytes, e.BufferBytes)})
	}
	return mistakes
}

// sound reports whether the keys have no mistakes by themselves, so that it makes sense to look for others.
func (c *Config) sound(keys ...string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool { return c.bad[key] })
}

// useless are those of the keys that were given a value, as mistakes: it has no effect.
func (c *Config) useless(reason string, keys ...string) (mistakes []mistake) {
	for _, key := range keys {
		if v, ok := c.values[key]; ok && v.Source != defaultSource {
			mistakes = append(mistakes, mistake{key, errors.New("it has no effect " + reason)})
		}
	}
	return mistakes
}

// Setting is the value of a key with the place where it was given.
type Setting struct {
	Key    string
	Value  string // as one would write it; a secret is masked; in parentheses, what holds if there is no value
	Source string // "default", FILE:LINE, an environment variable, or a flag
}

// masked stands for a secret.
const masked = "********"

// Effective is the value of every key, in the order of the table.
func (c *Config) Effective() []Setting {
	keys := Keys()
	settings := make([]Setting, len(keys))
	for i, k := range keys {
		v, ok := c.values[k.Name]
		settings[i] = Setting{Key: k.Name, Value: strings.Join(v.Items, ","), Source: v.Source}
		if !ok {
			settings[i].Source = defaultSource
			if k.Derived != "" {
				settings[i].Value = "(" + k.Derived + ")"
			}
		} else if k.Secret {
			settings[i].Value = masked
		}
	}
	return settings
}
