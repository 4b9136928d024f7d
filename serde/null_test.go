package serde_test

import (
	"testing"

	"github.com/rivusio/rivusio/serde"
)

// suffixed is a key whose last byte does not decide the partition.
type suffixed struct{ serde.Serde[string] }

func (suffixed) PartitionKey(encoded []byte) []byte { return encoded[:len(encoded)-1] }

func TestWhatASerdeAddsIsFound(t *testing.T) {
	if serde.IsNull(serde.String) != nil || serde.IsNull(serde.JSON[order]()) != nil || serde.IsNull(serde.For[customerID]()) != nil {
		t.Error("a serde without null has IsNull")
	}
	if serde.PartitionKey(serde.String) != nil || serde.PartitionKey(serde.Nullable(serde.String)) != nil || serde.PartitionKey(serde.Pointer(serde.String)) != nil {
		t.Error("a serde whose whole key decides has PartitionKey")
	}
	var key serde.Serde[string] = suffixed{serde.String}
	for name, partition := range map[string]func([]byte) []byte{
		"itself":              serde.PartitionKey(key),
		"Nullable":            serde.PartitionKey(serde.Nullable(key)),
		"Pointer":             serde.PartitionKey(serde.Pointer(key)),
		"Nullable of Pointer": serde.PartitionKey(serde.Nullable(serde.Pointer(key))),
	} {
		if partition == nil {
			t.Errorf("%s: no PartitionKey", name)
		} else if got := partition([]byte("abc")); string(got) != "ab" {
			t.Errorf("%s: partition key is %q, want ab", name, got)
		}
	}
}

func TestNulls(t *testing.T) {
	value := "v"
	var none *string
	optional := serde.IsNull(serde.Nullable(serde.String))
	pointer := serde.IsNull(serde.Pointer(serde.String))
	both := serde.IsNull(serde.Nullable(serde.Pointer(serde.String)))
	twice := serde.IsNull(serde.Pointer(serde.Pointer(serde.String)))
	json := serde.IsNull(serde.JSON[*order]())
	for _, c := range []struct {
		name      string
		got, want bool
	}{
		{"None", optional(serde.None[string]()), true},
		{"None with a value", optional(serde.Optional[string]{Value: value}), true},
		{"Some of the zero value", optional(serde.Some("")), false},
		{"nil", pointer(nil), true},
		{"pointer", pointer(&value), false},
		{"Some of nil", both(serde.Some(none)), true},
		{"Some of a pointer", both(serde.Some(&value)), false},
		{"pointer to nil", twice(&none), true},
		{"JSON of nil", json(nil), true},
		{"JSON of a pointer", json(&order{}), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: null is %v, want %v", c.name, c.got, c.want)
		}
	}
}

// Null is nil bytes; no bytes are an empty value.
func TestNullIsNotEmpty(t *testing.T) {
	s := serde.Nullable(serde.String)
	for _, c := range []struct {
		b    []byte
		want serde.Optional[string]
	}{{nil, serde.None[string]()}, {[]byte{}, serde.Some("")}} {
		if got, err := s.Decode(c.b); err != nil || got != c.want {
			t.Errorf("%#v decodes to %v (%v), want %v", c.b, got, err, c.want)
		}
	}
	if v, err := serde.JSON[*order]().Decode([]byte(" null ")); err != nil || v != nil {
		t.Errorf("the JSON text null decodes to %v (%v), want nil", v, err)
	}
}

func TestNilSerdesStayNil(t *testing.T) {
	if serde.Nullable[string](nil) != nil || serde.Pointer[string](nil) != nil || serde.IsNull[string](nil) != nil || serde.PartitionKey[string](nil) != nil {
		t.Error("nil became a serde")
	}
}
