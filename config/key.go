package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rivusio/rivusio/engine"
)

// Key is one key of the configuration, under the names that each source has for it.
type Key struct {
	Name    string // in the file, with a dot between levels
	Type    string // what values look like, for people
	Default string // as one would write it; "" for none
	Derived string // what holds without a value if there is no Default, for people
	Secret  bool   // its value is never shown; it has no flag, because others can read a command line
	Doc     string // one sentence or two

	list bool
	set  func(c *Config, items []string) error
}

// Env is the environment variable of the key.
func (k Key) Env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_"))
}

// Flag is the flag of the key without its dashes, "" for a secret.
func (k Key) Flag() string {
	if k.Secret {
		return ""
	}
	return strings.NewReplacer(".", "-", "_", "-").Replace(k.Name)
}

// one makes a key with a single value in a field of Config.
func one[T any](name string, t kind[T], def string, field func(*Config) *T, doc string) Key {
	return Key{Name: name, Type: t.name, Default: def, Doc: doc, set: func(c *Config, items []string) error {
		if len(items) != 1 {
			return fmt.Errorf("want one value, not a list of %d", len(items))
		}
		v, err := t.parse(items[0])
		if err == nil {
			*field(c) = v
		}
		return err
	}}
}

// list makes a key with one value or more; as a flag and in the environment they are separated by commas.
func list[T any](name, def string, t kind[T], field func(*Config) *[]T, doc string) Key {
	return Key{Name: name, Type: "list", Default: def, Doc: doc, list: true, set: func(c *Config, items []string) error {
		if len(items) == 0 {
			return errors.New("the list is empty")
		}
		values := make([]T, len(items))
		for i, item := range items {
			var err error
			if values[i], err = t.parse(item); err != nil {
				return err
			}
		}
		*field(c) = values
		return nil
	}}
}

// derived is the key without a default of its own.
func (k Key) derived(from string) Key {
	k.Derived = from
	return k
}

// secret is the key as one whose value is not shown.
func (k Key) secret() Key {
	k.Secret = true
	return k
}

// kind is how the values of a key are written. parse gives errors that show the text and say what would be right; those of
// secrets are never shown text.
type kind[T any] struct {
	name  string
	parse func(text string) (T, error)
}

var text = kind[string]{"text", func(s string) (string, error) { return s, nil }}

// address is HOST:PORT.
var address = kind[string]{"address", func(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || portErr != nil {
		return "", fmt.Errorf("%q is not HOST:PORT", s)
	}
	return s, nil
}}

// topicLag is TOPIC=RECORDS.
var topicLag = kind[engine.TopicLag]{"TOPIC=RECORDS", func(s string) (engine.TopicLag, error) {
	topic, records, ok := strings.Cut(s, "=")
	n, err := strconv.ParseInt(records, 10, 64)
	if !ok || topic == "" || err != nil || n < 1 {
		return engine.TopicLag{}, fmt.Errorf("%q is not TOPIC=RECORDS", s)
	}
	return engine.TopicLag{Topic: topic, HighLag: n}, nil
}}

// instanceName is a name that member and transactional ids can be made of.
var instanceName = kind[string]{"text", func(s string) (string, error) {
	if !validName.MatchString(s) {
		return "", fmt.Errorf("%q is not 1 to 200 of the characters a-z A-Z 0-9 . _ -", s)
	}
	return s, nil
}}

var validName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,200}$`)

var truth = kind[bool]{"true or false", func(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is not true or false", s)
}}

// number is a whole number of at least low.
func number[T ~int | ~int16 | ~int32 | ~int64](low, high T) kind[T] {
	return kind[T]{"number", func(s string) (T, error) {
		n, err := strconv.ParseInt(s, 10, 64)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%q is not a whole number", s)
		case n < int64(low) || n > int64(high):
			return 0, fmt.Errorf("%d is not between %d and %d", n, low, high)
		}
		return T(n), nil
	}}
}

// period is a duration of at least low, in whole milliseconds.
func period(low time.Duration) kind[time.Duration] {
	return kind[time.Duration]{"duration", func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%q is not a duration: write a number with a unit, such as 100ms, 5s or 2m30s", s)
		case d%time.Millisecond != 0:
			return 0, fmt.Errorf("%v is not a whole number of milliseconds", d)
		case d < low:
			return 0, fmt.Errorf("%v is less than %v", d, low)
		}
		return d, nil
	}}
}

// orNone is a duration or the word none, which the engine knows as a negative one.
func orNone(t kind[time.Duration]) kind[time.Duration] {
	return kind[time.Duration]{"duration or none", func(s string) (time.Duration, error) {
		if s == "none" {
			return -time.Millisecond, nil
		}
		return t.parse(s)
	}}
}

// choice is one of a few words.
func choice[T any](words []string, value func(word string) T) kind[T] {
	return kind[T]{strings.Join(words, ", "), func(s string) (T, error) {
		if !slices.Contains(words, s) {
			var zero T
			return zero, fmt.Errorf("%q is not one of %s", s, strings.Join(words, ", "))
		}
		return value(s), nil
	}}
}

// unitsBytes are the units of sizes, the longest names first.
var unitsBytes = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

// size is a number of bytes of at least low.
func size[T ~int32 | ~int64](low T) kind[T] {
	return kind[T]{"size", func(s string) (T, error) {
		n, ok := parseBytes(s)
		switch {
		case !ok:
			return 0, fmt.Errorf("%q is not a size: write a number with a unit, such as 512KiB, 64MiB or 1.5GiB", s)
		case n < int64(low):
			return 0, fmt.Errorf("%s is less than %d bytes", s, low)
		}
		return T(n), nil
	}}
}

func parseBytes(s string) (int64, bool) {
	for _, u := range unitsBytes {
		digits, found := strings.CutSuffix(s, u.name)
		if !found {
			continue
		}
		digits = strings.TrimSpace(digits)
		if strings.Trim(digits, "0123456789.") != "" {
			return 0, false
		}
		n, err := strconv.ParseFloat(digits, 64)
		bytes := n * u.bytes
		return int64(bytes), err == nil && bytes == math.Trunc(bytes) && bytes < 1<<53
	}
	return 0, false
}
