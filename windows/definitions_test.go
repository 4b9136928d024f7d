package windows_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/windows"
)

func ExampleSliding() {
	def := windows.Sliding(10 * time.Second).Grace(time.Second)
	fmt.Println(def, def.At(5_000), def.Retention())
	// Output: sliding 10s, grace 1s {5000 15000} 21s
}

func ExampleSession() {
	def := windows.Session(30 * time.Minute).Grace(time.Minute)
	fmt.Println(def, def.Retention())
	// Output: session 30m0s, grace 1m0s 31m0s
}

func ExampleUnlimited() {
	fmt.Println(windows.Unlimited().StartOn(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
	// Output: unlimited from 2026-01-01T00:00:00Z
}

func ExampleTumblingCount() {
	first, count := windows.TumblingCount(100).Starts(250)
	fmt.Println(first, count)
	// Output: 200 1
}

func ExampleHoppingCount() {
	def := windows.HoppingCount(100, 50)
	first, count := def.Starts(250)
	fmt.Println(def, first, count)
	// Output: hopping 100 records every 50 200 2
}

func TestDefinitionsValidate(t *testing.T) {
	const longest = math.MaxInt64 / ms * ms
	for _, c := range []struct {
		def interface {
			Validate() error
			String() string
		}
		name string
		want []string
	}{
		{windows.Sliding(0), "sliding 0s", nil},
		{windows.Sliding(longest), "sliding 2562047h47m16.854s", nil},
		{windows.Sliding(-ms).Grace(-ms), "sliding -1ms, grace -1ms", []string{
			"windows: difference is -1ms, want 0 or more", "windows: grace is -1ms, want 0 or more",
		}},
		{windows.Sliding(1500 * time.Microsecond).Grace(longest), "sliding 1.5ms, grace 2562047h47m16.854s", []string{
			"windows: difference is 1.5ms, want whole milliseconds", "windows: difference 1.5ms and grace 2562047h47m16.854s are together longer",
		}},
		{windows.Session(0), "session 0s", nil},
		{windows.Session(-ms).Grace(1), "session -1ms, grace 1ns", []string{
			"windows: gap is -1ms, want 0 or more", "windows: grace is 1ns, want whole milliseconds",
		}},
		{windows.Session(longest).Grace(ms), "session 2562047h47m16.854s, grace 1ms", []string{"windows: gap 2562047h47m16.854s and grace 1ms are together longer"}},
		{windows.Unlimited(), "unlimited", nil},
		{windows.Unlimited().StartOn(time.UnixMilli(-1)), "unlimited from 1969-12-31T23:59:59.999Z", []string{"windows: unlimited window starts at -1 ms since the epoch"}},
		{windows.TumblingCount(3), "tumbling 3 records", nil},
		{windows.HoppingCount(3, 1), "hopping 3 records every 1", nil},
		{windows.TumblingCount(0), "tumbling 0 records", []string{"windows: size is 0 records, want 1 or more"}},
		{windows.HoppingCount(-1, 4), "hopping -1 records every 4", []string{
			"windows: size is -1 records, want 1 or more", "windows: advance is 4 records, want 1 to the size (-1)",
		}},
		{windows.HoppingCount(3, 0), "hopping 3 records every 0", []string{"windows: advance is 0 records, want 1 to the size (3)"}},
	} {
		if c.def.String() != c.name {
			t.Errorf("%q, want %q", c.def, c.name)
		}
		var lines []string
		if err := c.def.Validate(); err != nil {
			lines = strings.Split(err.Error(), "\n")
		}
		if !slices.EqualFunc(lines, c.want, strings.HasPrefix) {
			t.Errorf("%v: mistakes are %q, want %q", c.def, lines, c.want)
		}
	}
}

// Rules 42 and 48 of Kafka Streams' behaviour: windows with an inclusive end take records while end >= stream time - grace,
// and sessions for the gap longer.
func TestInclusiveEnds(t *testing.T) {
	w := windows.Window{Start: 0, End: 10}
	for streamTime := int64(0); streamTime < 40; streamTime++ {
		if open := streamTime < windows.Sliding(10*ms).Grace(4*ms).ClosedAt(w); open != (10 >= streamTime-4) {
			t.Errorf("at %d a sliding window is open: %v", streamTime, open)
		}
		if open := streamTime < windows.Session(5*ms).Grace(4*ms).ClosedAt(w); open != (10 >= streamTime-4-5) {
			t.Errorf("at %d a session is open: %v", streamTime, open)
		}
	}
	for _, closed := range []int64{
		windows.Sliding(ms).Grace(ms).ClosedAt(windows.Window{End: math.MaxInt64}), windows.Session(ms).ClosedAt(windows.Window{End: math.MaxInt64}),
	} {
		if closed != math.MaxInt64 {
			t.Errorf("a window without end closes at %d", closed)
		}
	}
	for _, least := range []time.Duration{windows.Sliding(0).Retention(), windows.Session(0).Retention()} {
		if least != ms {
			t.Errorf("retention is %v: a store keeps 1 ms at least", least)
		}
	}
}

// The windows of the n-th record are those that have its number, by brute force.
func TestCountWindowsFindAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 20).Draw(t, "size")
		advance := rapid.IntRange(1, size).Draw(t, "advance")
		number := rapid.Int64Range(0, 100).Draw(t, "number")
		var want []int64
		for start := int64(0); start <= number; start += int64(advance) {
			if number < start+int64(size) {
				want = append(want, start)
			}
		}
		def := windows.HoppingCount(size, advance)
		first, count := def.Starts(number)
		if count != len(want) || first != want[0] || def.Size() != int64(size) || def.Advance() != int64(advance) {
			t.Fatalf("%v: %d windows of %d from %d, want %v", def, count, number, first, want)
		}
	})
	if _, count := (windows.CountWindow{}).Starts(3); count != 0 {
		t.Error("the zero value has windows")
	}
}

func TestUnlimitedStarts(t *testing.T) {
	def := windows.Unlimited().StartOn(time.UnixMilli(10))
	for timestamp, want := range map[int64]int{-1: 0, 9: 0, 10: 1, 11: 1, windows.MaxTimestamp: 1, math.MaxInt64: 0} {
		if first, count := def.Starts(timestamp); count != want || count > 0 && first != 10 {
			t.Errorf("%d windows of %d from %d, want %d", count, timestamp, first, want)
		}
	}
	if w := def.Window(); w.Start != 10 || w.Start+def.SizeMs() != w.End || w.End != math.MaxInt64 {
		t.Errorf("window is %v, size %d", w, def.SizeMs())
	}
}
