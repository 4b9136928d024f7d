package demo

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/examples/orders"
	"github.com/rivusio/rivusio/windows"
)

// The demo shows windows without a terminal, verifies them and ends by itself.
func TestRun(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	err := Run(t.Context(), Config{Duration: 4500 * time.Millisecond, Rate: 2000, Workers: 2, Out: &out, Log: &log})
	if err != nil || log.Len() > 0 {
		t.Errorf("got %v and the log\n%s", err, &log)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	window := regexp.MustCompile(`^\d\d:\d\d:\d0 to \d\d:\d\d:\d0  (gold  |silver|bronze) +[\d,]+ orders +[\d,]+\.\d\d$`)
	summary := regexp.MustCompile(`^done: [\d,]+ orders in \d+\.\d s \([\d,]+/s\), (\d+) windows closed with [\d,]+ orders, [\d,]+ late orders dropped; verified: `)
	if len(lines) < 4 {
		t.Fatalf("no window closed:\n%s", &out)
	}
	for _, line := range lines[:len(lines)-1] {
		if !window.MatchString(line) {
			t.Errorf("not a window: %q", line)
		}
	}
	if !summary.MatchString(lines[len(lines)-1]) {
		t.Errorf("not a summary: %q", lines[len(lines)-1])
	}
}

// The end of the context ends it cleanly, whenever that is.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, 20 * time.Millisecond, time.Second} {
		var out, log bytes.Buffer
		ctx, stop := context.WithTimeout(t.Context(), after)
		err := Run(ctx, Config{Rate: 1000, Workers: 1, Out: &out, Log: &log})
		stop()
		if err != nil || out.Len() > 0 && !strings.HasPrefix(out.String(), "done: ") {
			t.Errorf("after %v: got %v and %q", after, err, &out)
		}
	}
}

func TestAudit(t *testing.T) {
	gold := func(start int64) window {
		return windows.Key("gold", windows.Window{Start: start, End: start + 10_000})
	}
	way := way{tier: "gold"}
	totals := func(n, cents int64) orders.Totals { return orders.Totals{Orders: n, Cents: cents} }
	for _, test := range []struct {
		name    string
		dropped int64
		receive func(l *ledger) error
		want    string
	}{
		{"equal", 1, func(l *ledger) error {
			return errors.Join(l.receive(gold(0), totals(2, 300)), l.receive(gold(30_000), totals(1, 500)))
		}, ""},
		{"a window is open", 1, func(l *ledger) error { return l.receive(gold(0), totals(2, 300)) }, ""},
		{"one came too late by chance", 2, func(l *ledger) error { return l.receive(gold(0), totals(1, 200)) }, ""},
		{"one is missing", 1, func(l *ledger) error { return l.receive(gold(0), totals(1, 200)) }, "1 orders are missing, and 1 were sent too late, but the engine dropped 1"},
		{"a late one was counted", 0, func(l *ledger) error { return l.receive(gold(0), totals(2, 300)) }, "the engine dropped 0"},
		{"wrong sum", 1, func(l *ledger) error { return l.receive(gold(0), totals(2, 299)) }, "has 299 cents, want 300"},
		{"one twice", 1, func(l *ledger) error { return l.receive(gold(0), totals(3, 300)) }, "has 3 orders of 300 cents, but only 2 of 300 were placed"},
		{"a window twice", 1, func(l *ledger) error {
			return errors.Join(l.receive(gold(0), totals(2, 300)), l.receive(gold(0), totals(2, 300)))
		}, "has totals twice"},
		{"a window from nowhere", 1, func(l *ledger) error { return l.receive(gold(10_000), totals(1, 1)) }, "has totals, but no orders"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLedger()
			l.place(way, 1000, 100, false)
			l.place(way, 9999, 200, false)
			if l.place(way, 5000, 50, true) {
				t.Error("an order for an open window was taken as late")
			}
			l.place(way, 30_000, 500, false)
			if !l.place(way, 5000, 50, true) {
				t.Error("an order for a closed window was not taken as late")
			}
			l.place(way, 30_000, 0, false)
			if sent, paid := l.counts(); sent != 5 || paid != 4 {
				t.Errorf("%d orders sent and %d paid, want 5 and 4", sent, paid)
			}
			err := test.receive(l)
			if err == nil {
				_, err = l.check(test.dropped)
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestFrame(t *testing.T) {
	if got, want := frame([]string{"añbc", ""}, 0, 3), "\r\x1b[Jañb\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := frame([]string{"a"}, 2, 80), "\x1b[2A\r\x1b[Ja\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
