package serde_test

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
)

type (
	customerID string
	cents      int64
	raw        []byte
	flag       bool
	stamp      time.Time
)

type line struct {
	SKU      string
	Quantity int
	Tags     []string
}

type order struct {
	ID       customerID
	Cents    cents
	Paid     bool
	Weight   float64
	Lines    []line
	ByRegion map[string]int64
	BySize   map[int][]byte
	Note     *string
	Wait     time.Duration
	Place    [2]int32
}

// The laws of Serde, for every serde of the package: S1 (append only appends), S2 (decode keeps nothing), S3 (equal after
// a round trip), S4 (equal bytes each time).
func TestLaws(t *testing.T) {
	t.Run("String", laws(serde.String, anyString))
	t.Run("Bytes", laws(serde.Bytes, anyBytes))
	t.Run("Int64", laws(serde.Int64, rapid.Int64()))
	t.Run("Int32", laws(serde.Int32, rapid.Int32()))
	t.Run("Float64", laws(serde.Float64, rapid.Float64()))
	t.Run("Bool", laws(serde.Bool, rapid.Bool()))
	t.Run("Time", laws(serde.Time, anyTime))
	t.Run("int", laws(serde.For[int](), rapid.Int()))
	t.Run("int8", laws(serde.For[int8](), rapid.Int8()))
	t.Run("int16", laws(serde.For[int16](), rapid.Int16()))
	t.Run("uint", laws(serde.For[uint](), rapid.Uint()))
	t.Run("uint8", laws(serde.For[uint8](), rapid.Uint8()))
	t.Run("uint16", laws(serde.For[uint16](), rapid.Uint16()))
	t.Run("uint32", laws(serde.For[uint32](), rapid.Uint32()))
	t.Run("uint64", laws(serde.For[uint64](), rapid.Uint64()))
	t.Run("float32", laws(serde.For[float32](), rapid.Float32()))
	t.Run("type of kind string", laws(serde.For[customerID](), as[customerID](anyString)))
	t.Run("type of kind int64", laws(serde.For[cents](), as[cents](rapid.Int64())))
	t.Run("type of kind bool", laws(serde.For[flag](), as[flag](rapid.Bool())))
	t.Run("type of kind []byte", laws(serde.For[raw](), as[raw](anyBytes)))
	t.Run("type of time.Time", laws(serde.For[stamp](), as[stamp](anyTime)))
	t.Run("struct", laws(serde.For[order](), anyOrder))
	t.Run("slice", laws(serde.For[[]line](), rapid.SliceOf(anyLine)))
	t.Run("map", laws(serde.For[map[customerID]order](), rapid.MapOf(as[customerID](rapid.String()), anyOrder)))
	t.Run("pointer to struct", laws(serde.For[*order](), rapid.Ptr(anyOrder, true)))
	t.Run("Nullable", laws(serde.Nullable(serde.String), optional(anyString)))
	t.Run("Nullable of a serde with a null", laws(serde.Nullable(serde.For[*order]()), some(rapid.Ptr(anyOrder, false))))
	t.Run("Pointer", laws(serde.Pointer(serde.Int64), rapid.Ptr(rapid.Int64(), true)))
	t.Run("Optional", laws(serde.For[serde.Optional[order]](), optional(anyOrder)))
}

var (
	anyBytes  = rapid.SliceOfN(rapid.Byte(), 0, 40)
	anyString = rapid.Map(anyBytes, func(b []byte) string { return string(b) }) // also not UTF-8
	anyTime   = rapid.Map(rapid.Int64(), func(ms int64) time.Time { return time.UnixMilli(ms).UTC() })
	anyLine   = rapid.Custom(func(t *rapid.T) line {
		return line{
			SKU:      rapid.String().Draw(t, "sku"),
			Quantity: rapid.Int().Draw(t, "quantity"),
			Tags:     orNil(rapid.SliceOfN(rapid.String(), 0, 3)).Draw(t, "tags"),
		}
	})
	anyOrder = rapid.Custom(func(t *rapid.T) order {
		return order{
			ID:       customerID(rapid.String().Draw(t, "id")),
			Cents:    cents(rapid.Int64().Draw(t, "cents")),
			Paid:     rapid.Bool().Draw(t, "paid"),
			Weight:   rapid.Float64().Draw(t, "weight"),
			Lines:    orNil(rapid.SliceOfN(anyLine, 0, 3)).Draw(t, "lines"),
			ByRegion: orNil(rapid.MapOfN(rapid.String(), rapid.Int64(), 0, 5)).Draw(t, "by region"),
			BySize:   orNil(rapid.MapOfN(rapid.Int(), orNil(anyBytes), 0, 3)).Draw(t, "by size"),
			Note:     rapid.Ptr(rapid.String(), true).Draw(t, "note"),
			Wait:     time.Duration(rapid.Int64().Draw(t, "wait")),
			Place:    [2]int32{rapid.Int32().Draw(t, "x"), rapid.Int32().Draw(t, "y")},
		}
	})
)

// orNil gives nil now and then: a nil slice or map must come back as nil, an empty one as empty.
func orNil[T any](g *rapid.Generator[T]) *rapid.Generator[T] {
	var null T
	return rapid.OneOf(g, rapid.Just(null))
}

func as[T, B any](g *rapid.Generator[B]) *rapid.Generator[T] {
	return rapid.Map(g, func(b B) T { return reflect.ValueOf(b).Convert(reflect.TypeFor[T]()).Interface().(T) })
}

func some[T any](g *rapid.Generator[T]) *rapid.Generator[serde.Optional[T]] {
	return rapid.Map(g, serde.Some[T])
}

func optional[T any](g *rapid.Generator[T]) *rapid.Generator[serde.Optional[T]] {
	return rapid.OneOf(some(g), rapid.Just(serde.None[T]()))
}

func laws[T any](s serde.Serde[T], g *rapid.Generator[T]) func(*testing.T) {
	isNull := serde.IsNull(s)
	return func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			v := g.Draw(t, "value")
			before := anyBytes.Draw(t, "bytes before")
			room := rapid.IntRange(0, 64).Draw(t, "room")
			dst := append(make([]byte, 0, len(before)+room), before...)

			b, err := s.Append(dst, v)
			if isNull != nil && isNull(v) {
				nullLaws(t, s, v, b, dst, err)
				return
			}
			if err != nil {
				t.Fatalf("Append: %v", err)
			}
			if !bytes.Equal(b[:len(before)], before) {
				t.Fatalf("Append changed the %d bytes before: %x, were %x", len(before), b[:len(before)], before)
			}
			encoded := b[len(before):]
			if again, err := s.Append(nil, v); err != nil || !bytes.Equal(again, encoded) {
				t.Fatalf("encoded to %x and then to %x (%v)", encoded, again, err)
			}
			back, err := s.Decode(encoded)
			if err != nil {
				t.Fatalf("Decode of %x: %v", encoded, err)
			}
			for i := range encoded {
				encoded[i] ^= 0xa5
			}
			if !reflect.DeepEqual(back, v) {
				t.Fatalf("%#v came back as %#v", v, back)
			}
		})
	}
}

func nullLaws[T any](t *rapid.T, s serde.Serde[T], null T, b, dst []byte, err error) {
	if err == nil || !bytes.Equal(b, dst) {
		t.Fatalf("Append of a null gave %x, %v; want an error and dst", b, err)
	}
	if back, err := s.Decode(nil); err != nil || !reflect.DeepEqual(back, null) {
		t.Fatalf("Decode(nil) is %#v (%v), want the null %#v", back, err, null)
	}
}
