package serde_test

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde"
)

type point struct{ X, Y int32 }

// Place is exported, which embedding makes a difference of.
type Place struct{ X int32 }

type area struct {
	Country customerID
	Corners [2]point
	Open    bool
}

// version brings its own serde; its base type has another.
type version struct{ Major, Minor uint8 }

func (version) Serde() serde.Serde[version] { return versionSerde{} }

type versionSerde struct{}

func (versionSerde) Append(dst []byte, v version) ([]byte, error) {
	return append(dst, v.Major, v.Minor), nil
}

func (versionSerde) Decode(b []byte) (version, error) {
	if len(b) != 2 {
		return version{}, fmt.Errorf("version of %d bytes", len(b))
	}
	return version{b[0], b[1]}, nil
}

// release has the method of its embedded version, which is not a serde of release.
type release struct {
	version
	Name string
}

// tree is recursive and tag marshals itself.
type (
	tree struct {
		Name     string
		Children []*tree
	}
	tag [2]byte
)

func (t tag) MarshalText() ([]byte, error)  { return []byte(hex.EncodeToString(t[:])), nil }
func (t *tag) UnmarshalText(b []byte) error { _, err := hex.Decode(t[:], b); return err }

// The form of each default, for values and, where it is one, for keys. Stored data depends on these bytes, also across
// releases of Go, which encoding/json/v2 does not promise: this test is what notices.
func TestDefaultForms(t *testing.T) {
	for _, c := range []struct {
		name string
		form func() (value, key string, err error)
		want string
		key  bool // has a default as a key, with the same form
	}{
		{"string", form("käse"), "6bc3a47365", true},
		{"type of string", form(customerID("c")), "63", true},
		{"[]byte", form([]byte{0, 255}), "00ff", true},
		{"type of []byte", form(raw{0, 255}), "00ff", true},
		{"bool", form(true), "01", true},
		{"type of bool", form(flag(true)), "01", true},
		{"int", form(int(-2)), "fffffffffffffffe", true},
		{"int8", form(int8(-2)), "fe", true},
		{"int16", form(int16(-2)), "fffe", true},
		{"int32", form(int32(-2)), "fffffffe", true},
		{"int64", form(int64(-2)), "fffffffffffffffe", true},
		{"type of int64", form(cents(-2)), "fffffffffffffffe", true},
		{"duration", form(time.Microsecond), "00000000000003e8", true},
		{"uint", form(uint(2)), "0000000000000002", true},
		{"uint8", form(uint8(254)), "fe", true},
		{"uint16", form(uint16(2)), "0002", true},
		{"uint32", form(uint32(2)), "00000002", true},
		{"uint64", form(uint64(1 << 63)), "8000000000000000", true},
		{"float32", form(float32(1)), "3f800000", false},
		{"float64", form(1.0), "3ff0000000000000", false},
		{"time", form(time.UnixMilli(256)), "0000000000000100", true},
		{"type of time", form(stamp(time.UnixMilli(256))), "0000000000000100", true},
		{"struct", form(area{"de", [2]point{{1, 2}, {-3, 4}}, true}),
			asHex(`{"Country":"de","Corners":[{"X":1,"Y":2},{"X":-3,"Y":4}],"Open":true}`), true},
		{"empty struct", form(struct{}{}), asHex(`{}`), true},
		{"array", form([2]customerID{"a", "b<"}), asHex(`["a","b<"]`), true},
		{"marshals itself", form(tag{1, 255}), asHex(`"01ff"`), true},
		{"address", form(netip.MustParseAddr("::1")), asHex(`"::1"`), true},
		{"recursive", form(tree{"a", []*tree{{Name: "b"}}}), asHex(`{"Name":"a","Children":[{"Name":"b","Children":null}]}`), false},
		{"struct with a float", form(struct{ V float64 }{0.5}), asHex(`{"V":0.5}`), false},
		{"struct with a slice", form(struct{ V []int }{[]int{}}), asHex(`{"V":[]}`), false},
		{"struct with a pointer", form(struct{ V *int }{}), asHex(`{"V":null}`), false},
		{"struct with a time", form(struct{ V time.Time }{time.UnixMilli(0).UTC()}), asHex(`{"V":"1970-01-01T00:00:00Z"}`), false},
		{"struct with an interface", form(struct{ V any }{"a"}), asHex(`{"V":"a"}`), false},
		{"struct with a hidden field", form(struct {
			V int
			w int
		}{1, 2}), asHex(`{"V":1}`), false},
		{"struct with an ignored field", form(struct {
			V int
			W int `json:"-"`
		}{1, 2}), asHex(`{"V":1}`), false},
		{"embedding", form(struct{ point }{point{1, 2}}), asHex(`{"X":1,"Y":2}`), false},
		{"embedding of an exported type", form(struct{ Place }{Place{1}}), asHex(`{"X":1}`), false},
		{"embeds a type with a serde", form(release{version{1, 2}, "n"}), asHex(`{"Major":1,"Minor":2,"Name":"n"}`), false},
		{"slice", form([]int{1, 2}), asHex(`[1,2]`), false},
		{"map is sorted", form(map[string]int{"b": 1, "a": 2, "c": 3}), asHex(`{"a":2,"b":1,"c":3}`), false},
		{"map of int", form(map[int]bool{2: true}), asHex(`{"2":true}`), false},
		{"pointer to struct", form(&point{1, 2}), asHex(`{"X":1,"Y":2}`), false},
		{"big number", form(big.NewInt(5)), asHex(`5`), false},
		{"own serde", form(version{1, 2}), "0102", true},
		{"optional", form(serde.Some("a")), "61", false},
		{"optional of own serde", form(serde.Some(version{1, 2})), "0102", false},
	} {
		value, key, err := c.form()
		if err != nil || value != c.want {
			t.Errorf("%s: encodes to %s (%v), want %s", c.name, value, err, c.want)
		}
		if want := map[bool]string{true: c.want, false: "no default"}[c.key]; key != want {
			t.Errorf("%s: as a key encodes to %s, want %s", c.name, key, want)
		}
	}
}

func asHex(text string) string { return hex.EncodeToString([]byte(text)) }

func form[T any](v T) func() (value, key string, err error) {
	return func() (string, string, error) {
		text := func(s serde.Serde[T]) (string, error) {
			if s == nil {
				return "no default", nil
			}
			b, err := s.Append(nil, v)
			return hex.EncodeToString(b), err
		}
		value, err := text(serde.For[T]())
		if err != nil {
			return "", "", err
		}
		key, err := text(serde.ForKey[T]())
		return value, key, err
	}
}

func TestTypesWithoutDefault(t *testing.T) {
	for name, none := range map[string]bool{
		"chan":                       hasNone[chan int](),
		"func":                       hasNone[func()](),
		"complex":                    hasNone[complex128](),
		"uintptr":                    hasNone[uintptr](),
		"any":                        hasNone[any](),
		"interface":                  hasNone[fmt.Stringer](),
		"pointer to string":          hasNone[*string](),
		"pointer to int64":           hasNone[*int64](),
		"pointer to time":            hasNone[*time.Time](),
		"pointer to pointer":         hasNone[**point](),
		"struct with chan":           hasNone[struct{ C chan int }](),
		"struct with func, deep":     hasNone[map[string][]struct{ F *func() }](),
		"struct with interface":      hasNone[struct{ S fmt.Stringer }](),
		"slice of complex":           hasNone[[]complex64](),
		"map with struct key":        hasNone[map[point]int](),
		"map with bool key":          hasNone[map[bool]int](),
		"struct without JSON fields": hasNone[struct{ v int }](),
		"optional of chan":           hasNone[serde.Optional[chan int]](),
	} {
		if !none {
			t.Errorf("%s has a default, want none", name)
		}
	}
	if serde.For[struct {
		V int
		C chan int `json:"-"`
	}]() == nil {
		t.Error("a field that JSON does not write keeps the struct from its default")
	}
	if serde.For[map[tag]int]() == nil {
		t.Error("a map key that marshals to text keeps the map from its default")
	}
}

func hasNone[T any]() bool { return serde.For[T]() == nil && serde.ForKey[T]() == nil }

// Whatever has a default encodes: hasJSON says yes only to types that encoding/json/v2 takes, here with all their parts.
func TestDefaultsEncodeAndDecode(t *testing.T) {
	type parts struct {
		A any
		B [3]byte
		C map[float64]string
		D map[tag]*tree
		E time.Duration
		F time.Time
		G *big.Int
		H [][]map[string]*point
		I uint64 `json:",string"`
	}
	s := serde.For[parts]()
	b, err := s.Append(nil, parts{
		A: map[string]any{"x": 1.5}, B: [3]byte{1, 2, 3}, C: map[float64]string{1.5: "a", -1: "b"}, D: map[tag]*tree{{1, 2}: {Name: "t"}},
		E: time.Second, F: time.UnixMilli(1).UTC(), G: big.NewInt(7), H: [][]map[string]*point{{{"p": {1, 2}}}}, I: 1 << 63,
	})
	const want = `{"A":{"x":1.5},"B":"AQID","C":{"-1":"b","1.5":"a"},"D":{"0102":{"Name":"t","Children":null}},"E":1000000000,` +
		`"F":"1970-01-01T00:00:00.001Z","G":7,"H":[[{"p":{"X":1,"Y":2}}]],"I":"9223372036854775808"}`
	if err != nil || string(b) != want {
		t.Fatalf("encodes to\n%s (%v), want\n%s", b, err, want)
	}
	v, err := s.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Append(nil, v); err != nil || string(again) != want {
		t.Fatalf("encodes after decoding to\n%s (%v), want\n%s", again, err, want)
	}
}

// One serde serves many tasks.
func TestSerdesAreSharedByGoroutines(t *testing.T) {
	names, orders := serde.For[customerID](), serde.For[order]()
	var tasks sync.WaitGroup
	for task := range 8 {
		tasks.Go(func() {
			for i := range 500 {
				id := customerID(fmt.Sprint(task, "/", i))
				b, err := names.Append(nil, id)
				if got, decodeErr := names.Decode(b); err != nil || decodeErr != nil || got != id {
					t.Errorf("%q came back as %q (%v, %v)", id, got, err, decodeErr)
					return
				}
				b, err = orders.Append(b[:0], order{ID: id})
				if got, decodeErr := orders.Decode(b); err != nil || decodeErr != nil || got.ID != id {
					t.Errorf("order %q came back as %q (%v, %v)", id, got.ID, err, decodeErr)
					return
				}
			}
		})
	}
	tasks.Wait()
}
