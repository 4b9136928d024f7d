package jsonschema

import (
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// detail wraps a cause that may say much, over many lines. The message is cut and on one line, the chain is whole.
type detail struct{ cause error }

const detailBytes = 500

func (d detail) Unwrap() error { return d.cause }

func (d detail) Error() string {
	text := strings.ToValidUTF8(strings.Join(strings.Fields(d.cause.Error()), " "), "")
	if len(text) <= detailBytes {
		return text
	}
	return strings.ToValidUTF8(text[:detailBytes], "") + " …"
}

// What an error says of a value that is not valid: a value may be wrong in a hundred thousand places.
const (
	maxMistakes    = 5
	maxNames       = 10
	maxTextInError = 60
)

// shortened is the error of a check with its first mistakes, each without long lists and texts.
func shortened(err error) error {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	left := maxMistakes
	return first(invalid, &left)
}

// first copies a mistake with the first causes that are left to show.
func first(e *jsonschema.ValidationError, left *int) *jsonschema.ValidationError {
	out := &jsonschema.ValidationError{SchemaURL: e.SchemaURL, InstanceLocation: e.InstanceLocation, ErrorKind: shortKind(e.ErrorKind)}
	if f, ok := e.ErrorKind.(*kind.Format); ok {
		var compared *jsonschema.ValidationError // of const and enum, which are looked at with the format
		if errors.As(f.Err, &compared) && len(compared.Causes) > 0 {
			out.ErrorKind = shortKind(compared.Causes[0].ErrorKind)
		}
	}
	if len(e.Causes) == 0 {
		*left--
	}
	for _, cause := range e.Causes {
		if *left <= 0 {
			break
		}
		out.Causes = append(out.Causes, first(cause, left))
	}
	return out
}

func shortKind(k jsonschema.ErrorKind) jsonschema.ErrorKind {
	switch k := k.(type) {
	case *kind.Enum:
		return &kind.Enum{Got: shortText(k.Got), Want: k.Want[:min(len(k.Want), maxNames)]}
	case *kind.AdditionalProperties:
		return &kind.AdditionalProperties{Properties: shortNames(k.Properties)}
	case *kind.Required:
		return &kind.Required{Missing: shortNames(k.Missing)}
	case *kind.Format:
		return &kind.Format{Got: shortText(k.Got), Want: k.Want, Err: k.Err}
	case *kind.Pattern:
		return &kind.Pattern{Got: fmt.Sprint(shortText(k.Got)), Want: k.Want}
	case *kind.PropertyNames:
		return &kind.PropertyNames{Property: fmt.Sprint(shortText(k.Property))}
	}
	return k
}

func shortNames(names []string) []string {
	out := make([]string, min(len(names), maxNames))
	for i := range out {
		out[i] = fmt.Sprint(shortText(names[i]))
	}
	return out
}

// shortText cuts a value that is a text.
func shortText(v any) any {
	text, ok := v.(string)
	if !ok || len(text) <= maxTextInError {
		return v
	}
	return strings.ToValidUTF8(text[:maxTextInError], "") + "…"
}
