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

const ms = time.Millisecond

func ExampleTumbling() {
	for w := range windows.Tumbling(10 * time.Millisecond).Of(12) {
		fmt.Println(w.Start, w.End)
	}
	// Output:
	// 10 20
}

func ExampleHopping() {
	for w := range windows.Hopping(10*time.Millisecond, 5*time.Millisecond).Of(12) {
		fmt.Println(w.Start, w.End)
	}
	// Output:
	// 5 15
	// 10 20
}

func ExampleTimeWindow_Grace() {
	def := windows.Tumbling(time.Minute).Grace(10 * time.Second)
	fmt.Println(def)
	fmt.Println(def.ClosedAt(windows.Window{Start: 0, End: 60_000}), def.Retention())
	// Output:
	// tumbling 1m0s, grace 10s
	// 70000 1m10s
}

func TestOfEdges(t *testing.T) {
	for _, c := range []struct {
		why       string
		def       windows.TimeWindow
		timestamp int64
		starts    []int64
	}{
		{"a start is inside", windows.Tumbling(10 * ms), 10, []int64{10}},
		{"an end is outside", windows.Tumbling(10 * ms), 9, []int64{0}},
		{"no window starts before the epoch", windows.Hopping(10*ms, 5*ms), 3, []int64{0}},
		{"an advance need not divide the size", windows.Hopping(10*ms, 4*ms), 12, []int64{4, 8, 12}},
		{"an epoch has its windows", windows.Hopping(10*ms, 5*ms), 0, []int64{0}},
		{"no time before the epoch", windows.Hopping(10*ms, 5*ms), -1, nil},
		{"the last timestamp", windows.Tumbling(ms), windows.MaxTimestamp, []int64{windows.MaxTimestamp}},
		{"after the last timestamp", windows.Tumbling(ms), windows.MaxTimestamp + 1, nil},
		{"the zero value", windows.TimeWindow{}, 5, nil},
		{"gaps are refused", windows.Hopping(2*ms, 3*ms), 3, nil},
		{"the end of time", windows.Hopping(10*ms, 5*ms), math.MaxInt64, nil},
	} {
		var starts []int64
		for w := range c.def.Of(c.timestamp) {
			starts = append(starts, w.Start)
		}
		if !slices.Equal(starts, c.starts) {
			t.Errorf("%s: starts of %d are %v, want %v", c.why, c.timestamp, starts, c.starts)
		}
	}
}

// Of finds exactly the aligned windows that contain the timestamp: the definition, by brute force. Starts says the same.
func TestOfFindsAllWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1, 50).Draw(t, "size")
		advance := rapid.Int64Range(1, size).Draw(t, "advance")
		timestamp := rapid.Int64Range(-5, 500).Draw(t, "timestamp")
		def := windows.Hopping(time.Duration(size)*ms, time.Duration(advance)*ms)

		var want []windows.Window
		for start := int64(0); start <= timestamp; start += advance {
			if w := (windows.Window{Start: start, End: start + size}); w.Contains(timestamp) {
				want = append(want, w)
			}
		}
		if got := slices.Collect(def.Of(timestamp)); !slices.Equal(got, want) {
			t.Fatalf("windows of %d: %v, want %v", timestamp, got, want)
		}
		first, count := def.Starts(timestamp)
		if count != len(want) || count > 0 && first != want[0].Start {
			t.Fatalf("%d windows of %d from %d, want %v", count, timestamp, first, want)
		}
	})
}

// W5: with any definition that validates, and any int64 as timestamp, nothing overflows.
func TestNothingOverflows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const longest = math.MaxInt64 / int64(ms)
		size := rapid.Int64Range(1, longest).Draw(t, "size")
		advance := rapid.Int64Range(max(1, size/8), size).Draw(t, "advance")
		grace := rapid.Int64Range(0, longest-size).Draw(t, "grace")
		def := windows.Hopping(time.Duration(size)*ms, time.Duration(advance)*ms).Grace(time.Duration(grace) * ms)
		if err := def.Validate(); err != nil {
			t.Fatal(err)
		}
		if want := time.Duration(size+grace) * ms; def.Retention() != want {
			t.Fatalf("retention is %v, want %v", def.Retention(), want)
		}
		timestamp := rapid.OneOf(
			rapid.Int64(), rapid.Int64Range(windows.MaxTimestamp-100, windows.MaxTimestamp+1), rapid.Int64Range(math.MaxInt64-1, math.MaxInt64),
		).Draw(t, "timestamp")
		found := 0
		for w := range def.Of(timestamp) {
			found++
			if !w.Contains(timestamp) || w.Start < 0 || w.Start%advance != 0 || w.End-w.Start != size || def.ClosedAt(w) != w.End+grace || def.ClosedAt(w) < w.End {
				t.Fatalf("window %v of %d closes at %d", w, timestamp, def.ClosedAt(w))
			}
		}
		if has := timestamp >= 0 && timestamp <= windows.MaxTimestamp; has != (found > 0) {
			t.Fatalf("%d windows of %d", found, timestamp)
		}
	})
	if closed := windows.Tumbling(ms).Grace(ms).ClosedAt(windows.Window{End: math.MaxInt64}); closed != math.MaxInt64 {
		t.Errorf("a window without end closes at %d", closed)
	}
}

// Rules 31 and 32 of Kafka Streams' behaviour: an end belongs to the next window, and a window takes records while
// its end > stream time - grace.
func TestClosedAt(t *testing.T) {
	w := windows.Window{Start: 0, End: 10}
	for _, c := range []struct {
		grace, streamTime int64
		open              bool
	}{{0, 9, true}, {0, 10, false}, {1, 10, true}, {1, 11, false}} {
		def := windows.Tumbling(10 * ms).Grace(time.Duration(c.grace) * ms)
		if open := c.streamTime < def.ClosedAt(w); open != c.open || open != (w.End > c.streamTime-c.grace) {
			t.Errorf("grace %d, stream time %d: open is %v, want %v", c.grace, c.streamTime, open, c.open)
		}
	}
}

func TestValidateNamesEveryMistake(t *testing.T) {
	const longest = math.MaxInt64 / ms * ms
	for _, c := range []struct {
		def  windows.TimeWindow
		want []string
	}{
		{windows.TimeWindow{}, []string{"windows: size is 0s, want at least 1ms"}},
		{windows.Hopping(0, 5*ms).Grace(-ms), []string{
			"windows: size is 0s, want at least 1ms",
			"windows: advance is 5ms, want 1ms to the size (0s)",
			"windows: grace is -1ms, want 0 or more",
		}},
		{windows.Tumbling(1500 * time.Microsecond), []string{"windows: size is 1.5ms, want whole milliseconds"}},
		{windows.Hopping(2*ms, 1500*time.Microsecond).Grace(1), []string{
			"windows: advance is 1.5ms, want whole milliseconds",
			"windows: grace is 1ns, want whole milliseconds",
		}},
		{windows.Hopping(2*ms, 3*ms), []string{"windows: advance is 3ms, want 1ms to the size (2ms)"}},
		{windows.Hopping(2*ms, 0), []string{"windows: advance is 0s, want 1ms to the size (2ms)"}},
		{windows.Tumbling(ms).Grace(longest), []string{
			"windows: size 1ms and grace 2562047h47m16.854s are together longer than 2562047h47m16.854775807s",
		}},
		{windows.Tumbling(longest), nil},
		{windows.Hopping(2*ms, ms).Grace(longest - 2*ms), nil},
	} {
		var got string
		if err := c.def.Validate(); err != nil {
			got = err.Error()
		}
		if want := strings.Join(c.want, "\n"); got != want {
			t.Errorf("%v: error is\n%s\nwant\n%s", c.def, got, want)
		}
	}
}

func TestString(t *testing.T) {
	for _, c := range []struct {
		def  windows.Definition
		want string
	}{
		{windows.Tumbling(time.Minute), "tumbling 1m0s"},
		{windows.Hopping(time.Minute, 10*time.Second).Grace(time.Second), "hopping 1m0s every 10s, grace 1s"},
	} {
		if got := c.def.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func BenchmarkStarts(b *testing.B) {
	def := windows.Hopping(10*time.Second, 2*time.Second)
	b.ReportAllocs()
	var sum int64
	for b.Loop() {
		first, count := def.Starts(1_700_000_000_123)
		for i := range int64(count) {
			sum += first + i*def.AdvanceMs()
		}
	}
	if sum == 0 {
		b.Fatal("no windows")
	}
}
