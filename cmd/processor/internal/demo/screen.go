package demo

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/rivusio/rivusio/examples/orders"
)

const (
	redraw        = 250 * time.Millisecond
	recentWindows = 9
)

// screen shows a demo: on a terminal a view that is drawn again and again, else a line for each window that closes.
type screen struct {
	d     *demo
	mu    sync.Mutex
	begun time.Time
	drawn int // lines of the view on the terminal
	shown sample
	last  progress // what the tasks had done when there were some
	stop  chan struct{}
	once  sync.Once // of closing stop
	done  sync.WaitGroup

	windows int
	recent  []string // lines of the latest windows
	warning string   // the latest of the engine
}

// sample is what rates are made of.
type sample struct {
	at       time.Time
	sent     int64
	received map[string]int64
}

func newScreen(d *demo) *screen { return &screen{d: d, stop: make(chan struct{})} }

// begin starts the view.
func (s *screen) begin() {
	s.begun = time.Now()
	if s.d.cfg.Terminal == nil {
		return
	}
	s.shown = sample{at: s.begun}
	s.done.Go(func() {
		ticker := time.NewTicker(redraw)
		defer ticker.Stop()
		for {
			select {
			case <-s.stop:
				s.draw()
				return
			case <-ticker.C:
				s.draw()
			}
		}
	})
}

// end leaves the last view on the terminal. It may be called again.
func (s *screen) end() {
	s.once.Do(func() { close(s.stop) })
	s.done.Wait()
}

// closed shows a window that has closed.
func (s *screen) closed(w window, t orders.Totals) {
	line := fmt.Sprintf("%s  %10s orders  %16s", label(w), grouped(t.Orders), grouped(t.Cents/100)+fmt.Sprintf(".%02d", t.Cents%100))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.windows++
	if s.d.cfg.Terminal == nil {
		fmt.Fprintln(s.d.cfg.Out, line)
		return
	}
	if s.recent = append(s.recent, line); len(s.recent) > recentWindows {
		s.recent = s.recent[1:]
	}
}

// label names a tier's window.
func label(w window) string {
	at := func(ms int64) string { return time.UnixMilli(ms).Format(time.TimeOnly) }
	return fmt.Sprintf("%s to %s  %-6s", at(w.Start), at(w.End), w.Key)
}

// log is where the engine logs.
func (s *screen) log() io.Writer {
	if s.d.cfg.Terminal == nil {
		return s.d.cfg.Log
	}
	return (*warnings)(s)
}

// warnings keeps the latest line that is written.
type warnings screen

func (w *warnings) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.warning = string(bytes.TrimSpace(line))
	return len(line), nil
}

// draw draws the view over the one before.
func (s *screen) draw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	width, height, err := term.GetSize(int(s.d.cfg.Terminal.Fd()))
	if err != nil || width < 1 || height < 2 {
		width, height = 80, 24
	}
	lines := s.view(time.Now())
	lines = lines[:min(len(lines), height-1)]
	io.WriteString(s.d.cfg.Terminal, frame(lines, s.drawn, width))
	s.drawn = len(lines)
}

// frame is the text that draws lines over as many as were drawn before. Lines are cut to the width: one that wraps would
// be two.
func frame(lines []string, before, width int) string {
	var b strings.Builder
	if before > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", before)
	}
	b.WriteString("\r\x1b[J")
	for _, line := range lines {
		runes := []rune(line)
		b.WriteString(string(runes[:min(width, len(runes))]))
		b.WriteByte('\n')
	}
	return b.String()
}

// view is the lines of the view.
func (s *screen) view(now time.Time) []string {
	p := progressOf(s.d.app)
	if len(p.operators) == 0 {
		p.operators, p.late = s.last.operators, s.last.late // the engine has stopped
	}
	s.last = p
	sent, _ := s.d.ledger.counts()
	seconds := max(now.Sub(s.shown.at).Seconds(), 0.001)
	rate := func(n, before int64) string { return grouped(int64(float64(n-before) / seconds)) }
	lines := []string{
		fmt.Sprintf("Rivusio demo, %v: topology orders on a broker in memory. Ctrl-C ends it.", now.Sub(s.begun).Truncate(time.Second)),
		"",
		fmt.Sprintf("%s orders/s   %s orders   lag %s   %s too late   %d windows closed", rate(sent, s.shown.sent), grouped(sent), grouped(p.lag), grouped(p.late), s.windows),
		"",
		fmt.Sprintf("%-36s %14s %12s %12s", "operator", "records in", "in/s", "dropped"),
	}
	next := sample{at: now, sent: sent, received: make(map[string]int64)}
	for _, o := range p.operators {
		next.received[o.name] = o.in
		lines = append(lines, fmt.Sprintf("%-36s %14s %12s %12s", o.name, grouped(o.in), rate(o.in, s.shown.received[o.name]), grouped(o.discards)))
	}
	s.shown = next
	lines = append(append(lines, "", "latest windows (event time)"), s.recent...)
	if s.warning != "" {
		lines = append(lines, s.warning)
	}
	return lines
}

// summary is the last line.
func (s *screen) summary(a audit, took time.Duration) {
	s.end()
	sent, _ := s.d.ledger.counts()
	seconds := max(took, tick).Seconds()
	fmt.Fprintf(s.d.cfg.Out, "done: %s orders in %.1f s (%s/s), %d windows closed with %s orders, %s late orders dropped; %s\n",
		grouped(sent), seconds, grouped(int64(float64(sent)/seconds)), a.windows, grouped(a.orders), grouped(a.late+a.missed), a.verdict())
}

// verdict says what the audit has shown.
func (a audit) verdict() string {
	switch {
	case a.windows == 0:
		return "nothing to verify, no window closed in this time"
	case a.missed > 0:
		return fmt.Sprintf("verified: the totals of all closed windows are those of the orders, but for %s that this machine brought too late", grouped(a.missed))
	}
	return "verified: the totals of all closed windows are those of the orders"
}

// grouped writes a number with commas between thousands.
func grouped(n int64) string {
	if n < 0 {
		return "-" + grouped(-n)
	}
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
