package windows_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/windows"
)

func ExampleWithin() {
	def := windows.Within(5 * time.Second).After(time.Minute).Grace(time.Second)
	fmt.Println(def)
	fmt.Println(def.Of(100_000))
	fmt.Println(def.Mirrored().Of(100_000))
	// Output:
	// 5s before to 1m0s after, grace 1s
	// 95000 160000
	// 40000 105000
}

// Rule 60 of Kafka Streams' behaviour: a bound may be negative as long as there is something between them.
func TestJoinWindowValidates(t *testing.T) {
	const longest = math.MaxInt64 / ms * ms
	for _, c := range []struct {
		def  windows.JoinWindow
		want string
	}{
		{windows.JoinWindow{}, ""},
		{windows.Within(5 * ms), ""},
		{windows.Within(0).Before(-5 * ms).After(10 * ms), ""},
		{windows.Within(0).Before(10 * ms).After(-10 * ms), ""},
		{windows.Within((longest/2 - ms) / ms * ms).Grace(ms), ""},
		{windows.Within(0).Before(-5 * ms).After(4 * ms), "windows: before -5ms and after 4ms leave no time to join, want a sum of 0 or more"},
		{windows.Within(math.MinInt64).Before(-ms), "windows: after is -2562047h47m16.854775808s, want whole milliseconds\nwindows: before -1ms and after -2562047h47m16.854775808s leave no time"},
		{windows.Within(longest), "windows: before 2562047h47m16.854s and after 2562047h47m16.854s are together longer than"},
		{windows.Within(ms).Grace(longest), "windows: before + after 2ms and grace 2562047h47m16.854s are together longer than"},
		{windows.Within(1500 * time.Microsecond).Grace(-1), "windows: before is 1.5ms, want whole milliseconds\nwindows: grace is -1ns, want whole milliseconds\nwindows: grace is -1ns, want 0 or more"},
		{windows.Within(ms).After(1), "windows: after is 1ns, want whole milliseconds"},
	} {
		err := c.def.Validate()
		got := ""
		if err != nil {
			got = err.Error()
		}
		if (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%v: error is\n%s\nwant\n%s", c.def, got, c.want)
		}
	}
}

// The two sides agree: a left record joins a right one exactly if the right one joins the left one.
func TestJoinWindowSidesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.Int64Range(-20, 20).Draw(t, "before")
		after := rapid.Int64Range(-before, 40).Draw(t, "after")
		def := windows.Within(0).Before(time.Duration(before) * ms).After(time.Duration(after) * ms).Grace(3 * ms)
		if err := def.Validate(); err != nil {
			t.Fatal(err)
		}
		left, right := rapid.Int64Range(0, 60).Draw(t, "left"), rapid.Int64Range(0, 60).Draw(t, "right")
		from, to := def.Of(left)
		joins := from <= right && right <= to
		if want := -before <= right-left && right-left <= after; joins != want {
			t.Errorf("%v: left %d and right %d join is %v, want %v", def, left, right, joins, want)
		}
		if from, to = def.Mirrored().Of(right); joins != (from <= left && left <= to) {
			t.Errorf("%v: the sides differ about left %d and right %d", def, left, right)
		}
		if def.SizeMs() != before+after || def.Retention() != time.Duration(before+after+3)*ms {
			t.Errorf("%v: size %d, retention %v", def, def.SizeMs(), def.Retention())
		}
	})
}
