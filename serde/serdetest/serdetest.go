package serdetest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/rivusio/rivusio/serde"
)

// Option changes how a serde is tested.
type Option[T any] func(*suite[T])

// Equal is how values are compared after a round trip, for serdes whose form is coarser than the Go type. Default:
// reflect.DeepEqual.
func Equal[T any](equal func(a, b T) bool) Option[T] {
	return func(s *suite[T]) { s.equal = equal }
}

// MaxBytes bounds what decoding one input may allocate, whatever the input is. Default: 64 MiB.
func MaxBytes[T any](n int) Option[T] {
	return func(s *suite[T]) { s.maxBytes = uint64(n) }
}

// Run tests a serde with some values, of which there must be at least one that is no null. Each rule is a subtest.
// It takes some ten milliseconds for a value of a hundred bytes.
func Run[T any](t *testing.T, s serde.Serde[T], values []T, opts ...Option[T]) {
	t.Helper()
	suite, err := newSuite(s, values, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range suite.rules() {
		t.Run(r.name, func(t *testing.T) {
			if err := r.check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check is [Run] outside of a test: for properties over random values. The error has all rules that are broken.
func Check[T any](s serde.Serde[T], values []T, opts ...Option[T]) error {
	suite, err := newSuite(s, values, opts)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range suite.rules() {
		if err := r.check(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.name, err))
		}
	}
	return errors.Join(errs...)
}

// suite is a serde with the values that it is tested with.
type suite[T any] struct {
	serde    serde.Serde[T]
	isNull   func(T) bool // nil if the serde has no null
	values   []T          // that are no nulls
	nulls    []T
	equal    func(a, b T) bool
	maxBytes uint64
}

type rule struct {
	name  string
	check func() error
}

func newSuite[T any](s serde.Serde[T], values []T, opts []Option[T]) (*suite[T], error) {
	if s == nil {
		return nil, errors.New("serdetest: the serde is nil")
	}
	su := &suite[T]{
		serde:    s,
		isNull:   serde.IsNull(s),
		equal:    func(a, b T) bool { return reflect.DeepEqual(a, b) },
		maxBytes: 64 << 20,
	}
	for _, opt := range opts {
		opt(su)
	}
	for _, v := range values {
		if su.isNull != nil && su.isNull(v) {
			su.nulls = append(su.nulls, v)
		} else {
			su.values = append(su.values, v)
		}
	}
	if len(su.values)+len(su.nulls) == 0 {
		return nil, errors.New("serdetest: there are no values to test with")
	}
	return su, nil
}

func (s *suite[T]) rules() []rule {
	return []rule{
		{"S1 append only appends", s.each(s.appends)},
		{"S2 decode keeps nothing", s.each(s.keepsNothing)},
		{"S3 round trip", s.each(s.roundTrip)},
		{"S4 equal bytes", s.each(s.equalBytes)},
		{"S5 any bytes", s.anyBytes},
		{"S6 concurrent use", s.concurrent},
		{"S7 null", s.null},
	}
}

// each checks a rule with every value, up to the first that breaks it.
func (s *suite[T]) each(check func(v T) error) func() error {
	return func() error {
		for _, v := range s.values {
			if err := check(v); err != nil {
				return fmt.Errorf("value %s: %w", short(v), err)
			}
		}
		return nil
	}
}

// encode is Append with a panic as an error. It appends to a slice that is not nil, which is Kafka's null.
func (s *suite[T]) encode(dst []byte, v T) (b []byte, err error) {
	defer recovered(&err, "Append")
	if dst == nil {
		dst = []byte{}
	}
	return s.serde.Append(dst, v)
}

// decode is Decode with a panic as an error that [errPanic] tells from others.
func (s *suite[T]) decode(b []byte) (v T, err error) {
	defer recovered(&err, "Decode")
	return s.serde.Decode(b)
}

var errPanic = errors.New("panic")

func recovered(err *error, what string) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: %w: %v", what, errPanic, p)
	}
}

// short is a value for a message.
func short(v any) string {
	const most = 200
	text := fmt.Sprintf("%#v", v)
	if len(text) > most {
		return text[:most] + " …"
	}
	return text
}
