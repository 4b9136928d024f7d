package windows_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/windows"
)

func ExampleAppendTime() {
	b := windows.AppendTime([]byte("at "), -1)
	fmt.Printf("%q\n", b)
	fmt.Println(windows.Time(b[3:]))
	// Output:
	// "at \x7f\xff\xff\xff\xff\xff\xff\xff"
	// -1 true
}

// The order of the bytes is the order of the times, over all of int64 and with anything behind them.
func TestTimesKeepTheirOrder(t *testing.T) {
	edges := rapid.SampledFrom([]int64{math.MinInt64, -1, 0, 1, math.MaxInt64})
	anyTime := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-300, 300), edges)
	rest := rapid.SliceOfN(rapid.Byte(), 0, 5)
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyTime.Draw(t, "a"), anyTime.Draw(t, "b")
		x := append(windows.AppendTime(nil, a), rest.Draw(t, "behind a")...)
		y := append(windows.AppendTime(nil, b), rest.Draw(t, "behind b")...)
		if order := cmp.Compare(a, b); order != 0 && bytes.Compare(x, y) != order {
			t.Fatalf("%d is %x and %d is %x: the order is lost", a, x, b, y)
		}
		if got, ok := windows.Time(x); !ok || got != a {
			t.Fatalf("%d came back as %d, %v", a, got, ok)
		}
		if len(windows.AppendTime(nil, a)) != windows.TimeBytes {
			t.Fatalf("%d takes %d bytes", a, len(windows.AppendTime(nil, a)))
		}
	})
}

func FuzzTime(f *testing.F) {
	f.Add([]byte("1234567"))
	f.Add([]byte("123456789"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ms, ok := windows.Time(b)
		if ok != (len(b) >= windows.TimeBytes) {
			t.Fatalf("%d bytes: ok is %v", len(b), ok)
		}
		if ok && !bytes.Equal(windows.AppendTime(nil, ms), b[:windows.TimeBytes]) {
			t.Errorf("%x is %d, which is %x", b, ms, windows.AppendTime(nil, ms))
		}
	})
}
