package avro_test

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/avro"
	"github.com/rivusio/rivusio/serde/registry"
	"github.com/rivusio/rivusio/serde/serdetest"
)

var _ registry.Format[order] = (*avro.Format[order])(nil)

type item struct {
	SKU   string  `avro:"sku"`
	Price float64 `avro:"price"`
}

type order struct {
	ID      string              `avro:"id"`
	Number  int64               `avro:"number"`
	Small   int32               `avro:"small"`
	Paid    bool                `avro:"paid"`
	Ratio   float32             `avro:"ratio"`
	Raw     []byte              `avro:"raw"`
	Items   []item              `avro:"items"`
	Tags    map[string]string   `avro:"tags"`
	Nested  map[string][]string `avro:"nested"`
	Note    *string             `avro:"note"`
	At      time.Time           `avro:"at"`
	Micros  time.Time           `avro:"micros,timestamp-micros"`
	Day     time.Time           `avro:"day,date"`
	Wait    time.Duration       `avro:"wait,time-micros"`
	Total   *big.Rat            `avro:"total,decimal(10,2)"`
	Trace   string              `avro:"trace,uuid"`
	Parent  *order              `avro:"parent"`
	Ignored int                 `avro:"-"`
}

func text(s string) *string { return &s }

func orders() []order {
	empty := order{Raw: []byte{}, Items: []item{}, Tags: map[string]string{}, Nested: map[string][]string{}, At: time.UnixMilli(0).UTC(),
		Micros: time.UnixMicro(0).UTC(), Day: time.Unix(0, 0).UTC(), Total: big.NewRat(1, 4), Trace: "00000000-0000-0000-0000-000000000000"}
	full := empty
	full.ID, full.Number, full.Small, full.Paid, full.Ratio, full.Raw = "käse", -1<<62, -1<<31, true, 1.5, []byte{0, 255}
	full.Items = []item{{"a", 1.25}, {"", -1}, {strings.Repeat("x", 100), 0}}
	full.Tags = map[string]string{"a": "1", "b": "2", "c": "3", "d": "", "": "5", "longer key": "6"}
	full.Nested = map[string][]string{"x": {"1", "2"}, "a": {}, "m": {"3"}}
	full.Note, full.At, full.Micros = text("n"), time.UnixMilli(1_700_000_000_123).UTC(), time.UnixMicro(-1).UTC()
	full.Day, full.Wait, full.Total = time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), 5*time.Microsecond, big.NewRat(-12345, 100)
	full.Trace = "123e4567-e89b-12d3-a456-426614174000"
	parent := full
	full.Parent = &parent
	return []order{empty, full}
}

func orderFormat(t testing.TB) *avro.Format[order] {
	t.Helper()
	f, err := avro.Typed[order]("", avro.Namespace("shop"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTypedLaws(t *testing.T) {
	f := orderFormat(t)
	t.Run("struct", func(t *testing.T) { serdetest.Run(t, f, orders()) })
	t.Run("nullable", func(t *testing.T) {
		serdetest.Run(t, serde.Nullable(serde.Serde[order](f)), []serde.Optional[order]{serde.None[order](), serde.Some(orders()[1])})
	})
	scalar := avro.Must(avro.Typed[map[string]map[string]int64](`{"type":"map","values":{"type":"map","values":"long"}}`))
	t.Run("map", func(t *testing.T) {
		serdetest.Run(t, scalar, []map[string]map[string]int64{{}, {"b": {"z": 1, "y": -2, "": 3}, "a": {}, "cc": {"k": 1 << 60}}})
	})
	if got := f.Schema().Name; got != "shop.order" {
		t.Errorf("the schema is named %q", got)
	}
}

func TestTypedErrors(t *testing.T) {
	_, err := avro.Typed[item](`{"type":"record","name":"item","fields":[{"name":"sku","type":"string"},{"name":"price","type":"string"}]}`)
	wantError(t, err, "does not fit its schema", "price")
	_, err = avro.Typed[item](`{"type":"record","name":"item","fields":[{"name":"sku","type":"string"},{"name":"gone","type":"string"}]}`)
	wantError(t, err, "does not fit its schema", "gone")
	_, err = avro.Typed[*item]("")
	wantError(t, err, "no pointer")
	_, err = avro.Typed[item]("", avro.MaxBytes(-1))
	wantError(t, err, "MaxBytes")
	_, err = avro.Typed[item](`{"type":"record"`)
	wantError(t, err, "schema")

	f := orderFormat(t)
	b, err := f.Append(nil, orders()[1])
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Decode(b[:30])
	wantError(t, err, "shop.order", "30 bytes", "offset 29", "field items[0].sku")
	_, err = f.Decode(append(b, 0))
	wantError(t, err, "1 bytes are left after the value")
	_, err = f.Reader(registry.Schema{Type: registry.Protobuf})
	wantError(t, err, "PROTOBUF")
	bad := orders()[0]
	bad.Total = big.NewRat(1, 3)
	_, err = f.Append(nil, bad)
	wantError(t, err, "total")
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error is %v, want one with %q", err, part)
		}
	}
}
