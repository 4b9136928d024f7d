package plugins

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rivusio/rivusio/internal/document"
)

// DuplicateError says that a name is taken.
type DuplicateError struct {
	Kind Kind
	Name string
}

// Error names kind and name.
func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%s %q is registered already", e.Kind, e.Name)
}

// UnknownError says that there is no plugin of a name, of no kind.
type UnknownError struct {
	Kind    Kind
	Name    string
	Place   Place
	Nearest string   // the name that was probably meant; "" if none is near
	Known   []string // all names of that kind, sorted
}

// Error names kind and name, and what may have been meant.
func (e *UnknownError) Error() string {
	s := fmt.Sprintf("%s%s %q is not known", before(e.Place), e.Kind, e.Name)
	switch {
	case e.Nearest != "":
		return s + fmt.Sprintf(", did you mean %q?", e.Nearest)
	case len(e.Known) == 0:
		return s + ", there is none"
	}
	return s + ", there are " + strings.Join(e.Known, ", ")
}

// KindError says that a name is that of a plugin of another kind.
type KindError struct {
	Kind  Kind // that was wanted
	Name  string
	Place Place
	Have  []Kind // that there are of the name
}

// Error names both kinds and the name.
func (e *KindError) Error() string {
	kinds := make([]string, len(e.Have))
	for i, k := range e.Have {
		kinds[i] = string(k)
	}
	return fmt.Sprintf("%s%q is a %s, not a %s", before(e.Place), e.Name, strings.Join(kinds, " and a "), e.Kind)
}

// TypeError says that a plugin is of other types than those that are wanted.
type TypeError struct {
	Kind       Kind
	Name       string
	Place      Place
	Want, Have string // such as "pipe of string and int"
}

// Error names the plugin and both types.
func (e *TypeError) Error() string {
	return fmt.Sprintf("%s%s %q is a %s, want a %s", before(e.Place), e.Kind, e.Name, e.Have, e.Want)
}

// ConfigError is one mistake in the configuration of a plugin. Several are joined.
type ConfigError struct {
	Kind  Kind
	Name  string
	Place Place  // of the key, as far as it is known
	Key   string // the whole path in the file, such as steps[2].throttle.rate; "" if it is not about one
	Err   error
}

// Error names place, plugin, key and cause.
func (e *ConfigError) Error() string {
	s := fmt.Sprintf("%s%s %q: ", before(e.Place), e.Kind, e.Name)
	if e.Key != "" {
		s += e.Key + ": "
	}
	return s + e.Err.Error()
}

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// before is a place in front of a message.
func before(p Place) string {
	if s := p.String(); s != "" {
		return s + ": "
	}
	return ""
}

// misconfigured makes each mistake of a document one of a plugin.
func misconfigured(kind Kind, name string, err error) error {
	if err == nil {
		return nil
	}
	mistakes := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		mistakes = joined.Unwrap()
	}
	for i, err := range mistakes {
		c := &ConfigError{Kind: kind, Name: name, Err: err}
		if e := (*document.Error)(nil); errors.As(err, &e) {
			c.Place, c.Key, c.Err = e.Place, e.Path, e.Err
		}
		mistakes[i] = c
	}
	if len(mistakes) == 1 {
		return mistakes[0]
	}
	return errors.Join(mistakes...)
}
