package windows_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/windows"
)

func ExampleKey() {
	k := windows.Key("ada", windows.Window{Start: 0, End: 60_000})
	fmt.Println(k.Key, k.Start, k.End, k.Contains(59_999))
	// Output:
	// ada 0 60000 true
}

func ExampleKeySerde() {
	s := windows.KeySerde(serde.String)
	b, err := s.Append(nil, windows.Key("ada", windows.Window{Start: 1, End: 2}))
	fmt.Printf("%q %v\n", b, err)
	fmt.Println(s.Decode(b))
	fmt.Printf("%s\n", serde.PartitionKey(s)(b))
	// Output:
	// "ada\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01" <nil>
	// {ada {1 2}} <nil>
	// ada
}

func ExampleTimeKeySerde() {
	s := windows.TimeKeySerde(serde.String, time.Minute)
	b, err := s.Append(nil, windows.Key("ada", windows.Window{Start: 0, End: 60_000}))
	fmt.Printf("%q %v\n", b, err)
	fmt.Println(s.Decode(b))
	// Output:
	// "ada\x00\x00\x00\x00\x00\x00\x00\x00" <nil>
	// {ada {0 60000}} <nil>
}

// testdata/kafka-bytes.txt is written by Kafka Streams' own serializers (../serde/testdata/java-bytes): form, type of the
// key, key, start, end, bytes of the base key, bytes of the windowed key.
func TestBytesAreThoseOfKafkasSerializers(t *testing.T) {
	text, err := os.ReadFile("testdata/kafka-bytes.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for line := range strings.Lines(string(text)) {
		column := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		start, _ := strconv.ParseInt(column[3], 10, 64)
		end, err := strconv.ParseInt(column[4], 10, 64)
		if err != nil || len(column) != 7 {
			t.Fatalf("line %q: %v", line, err)
		}
		form, w := column[0], windows.Window{Start: start, End: end}
		size := time.Duration(end-start) * time.Millisecond
		if form == "TimeEnd" { // a start so late that the end of its window is cut
			size = time.Minute
		}
		seen[form+column[1]]++
		switch column[1] {
		case "String":
			key, err := strconv.Unquote(column[2])
			if err != nil {
				t.Fatal(err)
			}
			sameBytes(t, form, serde.String, windows.Key(key, w), size, column[5], column[6])
		case "Long":
			key, err := strconv.ParseInt(column[2], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			sameBytes(t, form, serde.Int64, windows.Key(key, w), size, column[5], column[6])
		default:
			t.Fatalf("line %q: unknown type", line)
		}
	}
	for _, kind := range []string{"TimeString", "TimeLong", "SessionString", "SessionLong", "TimeEndString"} {
		if seen[kind] == 0 {
			t.Errorf("no line of %s", kind)
		}
	}
}

func sameBytes[K comparable](t *testing.T, form string, inner serde.Serde[K], key windows.Keyed[K], size time.Duration, base, want string) {
	t.Helper()
	s := windows.KeySerde(inner)
	if form != "Session" {
		s = windows.TimeKeySerde(inner, size)
	}
	b, err := s.Append(nil, key)
	if err != nil || hex.EncodeToString(b) != want {
		t.Errorf("%s %v: encodes to %x (%v), Kafka Streams to %s", form, key, b, err, want)
		return
	}
	if back, err := s.Decode(b); err != nil || back != key {
		t.Errorf("%s %v: comes back as %v (%v)", form, key, back, err)
	}
	if got := hex.EncodeToString(serde.PartitionKey(s)(b)); got != base {
		t.Errorf("%s %v: partition key is %s, Kafka Streams has %s", form, key, got, base)
	}
}

// The laws of Serde for windowed keys, with keys of any bytes.
func TestKeySerdeLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := time.Duration(rapid.Int64Range(1, 1<<40).Draw(t, "size")) * time.Millisecond
		start := rapid.Int64Range(0, windows.MaxTimestamp).Draw(t, "start")
		text := string(rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "key"))
		before := rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "bytes before")
		key := windows.Key(text, windows.Window{Start: start, End: start + size.Milliseconds()})
		for name, s := range map[string]serde.Serde[windows.Keyed[string]]{
			"KeySerde":     windows.KeySerde(serde.String),
			"TimeKeySerde": windows.TimeKeySerde(serde.String, size),
		} {
			b, err := s.Append(bytes.Clone(before), key)
			if err != nil || !bytes.HasPrefix(b, before) {
				t.Fatalf("%s: %x after %x (%v)", name, b, before, err)
			}
			encoded := b[len(before):]
			if got := serde.PartitionKey(s)(encoded); string(got) != text {
				t.Fatalf("%s: partition key of %x is %x, want %x", name, encoded, got, text)
			}
			back, err := s.Decode(encoded)
			clear(encoded)
			if err != nil || back != key {
				t.Fatalf("%s: %v came back as %v (%v)", name, key, back, err)
			}
		}
	})
}

func TestKeySerdeErrors(t *testing.T) {
	minute := windows.TimeKeySerde(serde.String, time.Minute)
	anySize := windows.KeySerde(serde.String)
	window := func(start, end int64) windows.Keyed[string] {
		return windows.Key("k", windows.Window{Start: start, End: end})
	}
	negative := strings.Repeat("\xff", 8)
	for _, c := range []struct{ name, got, want string }{
		{"negative start", appendError(t, anySize, window(-1, 5)), "windows: window from -1 to 5 ms, want 0 ≤ start ≤ end"},
		{"end before start", appendError(t, anySize, window(5, 4)), "windows: window from 5 to 4 ms, want 0 ≤ start ≤ end"},
		{"negative start of a size", appendError(t, minute, window(-1, 59_999)), "windows: window starts at -1 ms, want 0 or more"},
		{"other size", appendError(t, minute, window(0, 5)), "windows: window from 0 to 5 ms, want one of 1m0s"},
		{"no size", appendError(t, windows.TimeKeySerde(serde.String, 0), window(0, 0)), "windows: TimeKeySerde: size is 0s, want at least 1ms and whole milliseconds"},
		{"key", appendError(t, windows.KeySerde(serde.Nullable(serde.String)), windows.Key(serde.None[string](), windows.Window{})), "serde: a null has no encoding; ask IsNull first"},
		{"key of a size", appendError(t, windows.TimeKeySerde(serde.Nullable(serde.String), time.Minute), windows.Key(serde.None[string](), windows.Window{End: 60_000})), "serde: a null has no encoding; ask IsNull first"},
		{"short", decodeError(anySize, "123456789012345"), "windows: windowed key of 15 bytes, want at least 16 for the window"},
		{"null", decodeError(anySize, ""), "windows: windowed key of 0 bytes, want at least 16 for the window"},
		{"short of a size", decodeError(minute, "1234567"), "windows: windowed key of 7 bytes, want at least 8 for the window"},
		{"negative", decodeError(anySize, negative+negative), "windows: window from -1 to -1 ms, want 0 ≤ start ≤ end"},
		{"negative of a size", decodeError(minute, negative), "windows: window starts at -1 ms, want 0 or more"},
		{"decode without a size", decodeError(windows.TimeKeySerde(serde.String, time.Microsecond), "12345678"), "windows: TimeKeySerde: size is 1µs, want at least 1ms and whole milliseconds"},
		{"key inside", decodeError(windows.KeySerde(serde.Int64), "abc1234567812345678"), "windows: key before the window: serde: Int64: 3 bytes (61 62 63), want 8 bytes"},
	} {
		if c.got != c.want {
			t.Errorf("%s: error is %s\nwant %s", c.name, c.got, c.want)
		}
	}
}

// A failed Append returns what it was given.
func appendError[K any](t *testing.T, s serde.Serde[windows.Keyed[K]], k windows.Keyed[K]) string {
	t.Helper()
	b, err := s.Append([]byte("before"), k)
	if string(b) != "before" {
		t.Errorf("failed Append returned %q", b)
	}
	return fmt.Sprint(err)
}

func decodeError[T any](s serde.Serde[T], b string) string {
	_, err := s.Decode([]byte(b))
	return fmt.Sprint(err)
}

func TestDefaultOfWindowedKeys(t *testing.T) {
	type customerID string
	key := windows.Key(customerID("c"), windows.Window{Start: 1, End: 2})
	want, err := windows.KeySerde(serde.String).Append(nil, windows.Key("c", key.Window))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]serde.Serde[windows.Keyed[customerID]]{
		"For": serde.For[windows.Keyed[customerID]](), "ForKey": serde.ForKey[windows.Keyed[customerID]](),
	} {
		if s == nil {
			t.Fatalf("%s: no default", name)
		}
		if got, err := s.Append(nil, key); err != nil || !bytes.Equal(got, want) || serde.PartitionKey(s) == nil {
			t.Errorf("%s: encodes to %x (%v), want %x, and a partition key", name, got, err, want)
		}
	}
	if serde.ForKey[windows.Keyed[windows.Keyed[int64]]]() == nil {
		t.Error("no default for a key in a window in a window")
	}
	if serde.For[windows.Keyed[float64]]() != nil || serde.ForKey[windows.Keyed[map[string]int]]() != nil {
		t.Error("a default for a key that has none")
	}
	if windows.KeySerde[string](nil) != nil || windows.TimeKeySerde[string](nil, time.Second) != nil {
		t.Error("nil became a serde")
	}
}

// Windows within windows: the innermost key decides the partition. Bytes that are no windowed key decide as a whole.
func TestPartitionKey(t *testing.T) {
	s := windows.TimeKeySerde(windows.KeySerde(serde.String), time.Second)
	b, err := s.Append(nil, windows.Key(windows.Key("k", windows.Window{Start: 5, End: 6}), windows.Window{Start: 0, End: 1000}))
	if err != nil {
		t.Fatal(err)
	}
	if got := serde.PartitionKey(s)(b); string(got) != "k" {
		t.Errorf("partition key of %x is %q, want k", b, got)
	}
	if got := serde.PartitionKey(s)([]byte("short")); string(got) != "short" {
		t.Errorf("partition key of what is too short is %q", got)
	}
}

// Any bytes either are an error or a windowed key that encodes to the same bytes.
func FuzzKeySerde(f *testing.F) {
	f.Add([]byte("key12345678\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Add(append(bytes.Repeat([]byte{0}, 15), 9))
	f.Add([]byte("\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Add([]byte("short"))
	anySize, minute := windows.KeySerde(serde.String), windows.TimeKeySerde(serde.String, time.Minute)
	number := windows.KeySerde(windows.TimeKeySerde(serde.Int64, time.Second))
	f.Fuzz(func(t *testing.T, b []byte) {
		canonical(t, anySize, b)
		canonical(t, minute, b)
		canonical(t, number, b)
	})
}

func canonical[K comparable](t *testing.T, s serde.Serde[windows.Keyed[K]], b []byte) {
	k, err := s.Decode(b)
	partition := serde.PartitionKey(s)(b)
	if !bytes.HasPrefix(b, partition) {
		t.Errorf("partition key of %x is %x", b, partition)
	}
	if err != nil {
		return
	}
	if k.Start < 0 || k.End < k.Start {
		t.Errorf("%x decodes to the window %v", b, k.Window)
	}
	if again, err := s.Append(nil, k); err != nil || !bytes.Equal(again, b) {
		t.Errorf("%x decodes to %v, which encodes to %x (%v)", b, k, again, err)
	}
}
