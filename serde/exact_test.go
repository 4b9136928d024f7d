package serde_test

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
)

type exactAddress struct {
	City string  `json:"city"`
	Lat  float64 `json:"lat"`
}

type exactPerson struct {
	Name    string
	Age     int16 `json:"age"`
	Serial  uint64
	Active  bool `json:"active"`
	Since   time.Duration
	Weight  float32      `json:"weight"`
	Address exactAddress `json:"address"`
}

type ownText struct{ Text string }

func (ownText) MarshalText() ([]byte, error)  { return []byte("own"), nil }
func (*ownText) UnmarshalText(_ []byte) error { return nil }

func TestWhatIsExact(t *testing.T) {
	for name, c := range map[string]struct{ is, want bool }{
		"string":          {serde.IsExact(serde.String), true},
		"int64":           {serde.IsExact(serde.Int64), true},
		"type of string":  {serde.IsExact(serde.For[customerID]()), true},
		"type of bytes":   {serde.IsExact(serde.For[raw]()), false},
		"type of time":    {serde.IsExact(serde.For[stamp]()), false},
		"bytes":           {serde.IsExact(serde.Bytes), false},
		"any":             {serde.IsExact(serde.JSONAny()), false},
		"JSON of struct":  {serde.IsExact(serde.JSON[exactPerson]()), true},
		"JSON of number":  {serde.IsExact(serde.JSON[float64]()), true},
		"JSON of any":     {serde.IsExact(serde.JSON[any]()), false},
		"JSON of pointer": {serde.IsExact(serde.JSON[*exactPerson]()), false},
		"pointer within":  {serde.IsExact(serde.JSON[struct{ P *int }]()), false},
		"slice within":    {serde.IsExact(serde.JSON[struct{ S []int }]()), false},
		"map within":      {serde.IsExact(serde.JSON[struct{ M map[string]int }]()), false},
		"unexported":      {serde.IsExact(serde.JSON[struct{ a, B int }]()), false},
		"left out": {serde.IsExact(serde.JSON[struct {
			A int `json:"-"`
		}]()), false},
		"option": {serde.IsExact(serde.JSON[struct {
			A int `json:",string"`
		}]()), false},
		"embedded":    {serde.IsExact(serde.JSON[struct{ exactAddress }]()), false},
		"own methods": {serde.IsExact(serde.JSON[struct{ A ownText }]()), false},
		"time":        {serde.IsExact(serde.JSON[time.Time]()), false},
	} {
		if c.is != c.want {
			t.Errorf("%s: exact is %v", name, c.is)
		}
	}
}

// What an exact serde takes comes back as it was.
func TestExactValuesComeBack(t *testing.T) {
	s := serde.JSON[exactPerson]()
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Make[exactPerson]().Draw(t, "v")
		b, err := s.Append(nil, v)
		if err != nil {
			return // such as NaN
		}
		if got, err := s.Decode(b); err != nil || !reflect.DeepEqual(got, v) {
			t.Fatalf("%s is %+v, %v, want %+v", b, got, err, v)
		}
	})
}

// A value whose encoding fails or panics leaves nothing behind for the next.
func TestJSONAfterFailures(t *testing.T) {
	s := serde.JSON[failing]()
	for range 3 {
		if _, err := s.Append(nil, failing{"error"}); err == nil {
			t.Error("no error")
		}
		func() {
			defer func() { recover() }()
			s.Append(nil, failing{"panic"})
			t.Error("no panic")
		}()
		if b, err := s.Append([]byte("x"), failing{"fine"}); err != nil || string(b) != `x{"A":"fine"}` {
			t.Errorf("%s, %v", b, err)
		}
	}
}

type failing struct{ A failingText }
type failingText string

func (f failingText) MarshalText() ([]byte, error) {
	switch f {
	case "error":
		return []byte("\xff"), nil
	case "panic":
		panic("as wanted")
	}
	return []byte(f), nil
}
