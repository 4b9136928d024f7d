package document

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Place is where a value stands: in a file, counted from 1, or in an environment variable, which has no lines. The zero value
// is nowhere: in code.
type Place struct {
	File         string
	Line, Column int // in runes; 0: not known
}

// String is FILE:LINE:COLUMN, without what is not known.
func (p Place) String() string {
	s := p.File
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
		if p.Column > 0 {
			s += ":" + strconv.Itoa(p.Column)
		}
	}
	return s
}

// Error is a mistake in a document.
type Error struct {
	Path  string // such as steps[2].window.size; "" is the whole document
	Place Place
	Err   error
}

// Error is "PLACE: PATH: CAUSE", without what is not known.
func (e *Error) Error() string {
	s := ""
	if place := e.Place.String(); place != "" {
		s += place + ": "
	}
	if e.Path != "" {
		s += e.Path + ": "
	}
	return s + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KeyError is a mistake in the value of one key of a struct, as its Validate finds it.
type KeyError struct {
	Key string // its name in the document
	Err error
}

// Error is "KEY: CAUSE".
func (e *KeyError) Error() string { return e.Key + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *KeyError) Unwrap() error { return e.Err }

// Join joins mistakes in the order of their places, those of the document first. What is joined already is taken apart. It
// is nil if there is none.
func Join(errs ...error) error {
	flat := flatten(nil, errs)
	slices.SortStableFunc(flat, func(a, b error) int {
		p, q := placeOf(a), placeOf(b)
		return cmp.Or(cmp.Compare(rank(p), rank(q)), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
	})
	return errors.Join(flat...)
}

// rank sorts places with lines before those without.
func rank(p Place) int {
	if p.Line > 0 {
		return 0
	}
	return 1
}

func placeOf(err error) Place {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Place
	}
	return Place{}
}

// flatten appends what is joined in errs, each by itself.
func flatten(flat, errs []error) []error {
	for _, err := range errs {
		joined, ok := err.(interface{ Unwrap() []error })
		switch _, own := err.(*Error); {
		case err == nil:
		case ok && !own:
			flat = flatten(flat, joined.Unwrap())
		default:
			flat = append(flat, err)
		}
	}
	return flat
}

// at makes an error one with a place, unless it has one; joined errors each.
func at(place Place, path string, err error) []error {
	flat := flatten(nil, []error{err})
	for i, err := range flat {
		if e := (*Error)(nil); !errors.As(err, &e) {
			flat[i] = &Error{Path: path, Place: place, Err: err}
		}
	}
	return flat
}

// recovered makes an error of a panic in code of a type.
func recovered(what string, r any) error {
	if err, ok := r.(error); ok {
		return fmt.Errorf("%s panicked: %w", what, err)
	}
	return fmt.Errorf("%s panicked: %v", what, r)
}
