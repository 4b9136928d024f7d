package pipes_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivusio/rivusio/pipes"
)

func TestMonitorFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := must(pipes.NewMonitor(time.Minute))
		if f := m.Figures(); f.Count != 0 || f.Average != 0 {
			t.Errorf("G18, empty: %+v", f)
		}
		m.Record(500*time.Millisecond, nil)
		m.Record(1500*time.Millisecond, nil)
		f := m.Figures()
		equal(t, "G18", []any{f.Average, f.Least, f.Most, f.Count}, "[1s 500ms 1.5s 2]")
		equal(t, "G18, rates", []float64{f.SuccessRate, f.ErrorRate}, "[1 0]")
		m = must(pipes.NewMonitor(time.Minute))
		m.Record(time.Second, errBoom)
		m.Record(time.Second, errBoom)
		equal(t, "G18, errors", m.Figures().ErrorRate, 1)
		for range 6 {
			m.Record(time.Second, nil)
		}
		f = m.Figures()
		equal(t, "rates", []float64{f.ErrorRate, f.SuccessRate}, "[0.25 0.75]")

		// G19: what is older than the window is gone, without anything new, and the others stay.
		time.Sleep(40 * time.Second)
		m.Record(3*time.Second, nil)
		equal(t, "before the window has passed", m.Figures().Count, 9)
		time.Sleep(21 * time.Second)
		equal(t, "G19", []any{m.Figures().Count, m.Figures().Least}, "[1 3s]")
		time.Sleep(time.Hour)
		equal(t, "G19, all", m.Figures().Count, 0)

		// G18: throughput over two seconds with 100 and 200 calls.
		m = must(pipes.NewMonitor(2 * time.Second))
		for n := range 300 {
			if n == 100 {
				time.Sleep(time.Second)
			}
			m.Record(0, nil)
		}
		equal(t, "G18, throughput", m.Figures().PerSecond(), 150)
	})
}

func TestMonitorRunTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := must(pipes.NewMonitor(time.Minute))
		m.Stop()
		equal(t, "G20, no start", m.RunTime(), "0s")
		m.Start()
		time.Sleep(time.Second)
		equal(t, "G20, runs", m.RunTime(), "1s")
		m.Stop()
		time.Sleep(time.Second)
		m.Stop()
		equal(t, "G20, stopped", m.RunTime(), "1s")
		m.Start()
		time.Sleep(time.Millisecond)
		equal(t, "G20, again", m.RunTime(), "1ms")

		slow := pipes.Monitored(m, pipes.Func[int, int](func(_ context.Context, n int) (int, error) {
			time.Sleep(time.Second)
			if n == 2 {
				return 0, errBoom
			}
			return n, nil
		}))
		_, _ = pipes.Collect(t.Context(), pipes.Each(pipes.Slice(upTo(5)), slow))
		time.Sleep(time.Second)
		f := m.Figures()
		equal(t, "a pipe", []any{m.RunTime(), f.Count, f.Failed, f.Average}, "[3s 3 1 1s]")
	})
}

// A hook is called once when a threshold fires, and once when it clears.
func TestThresholds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		began := time.Now()
		m := must(pipes.NewMonitor(time.Minute, pipes.Threshold{
			Name: "errors", For: 10 * time.Second, Over: func(f pipes.Figures) bool { return f.ErrorRate > 0.5 },
			Fire: func(over bool, f pipes.Figures) {
				log = append(log, fmt.Sprint(time.Since(began), " ", over, " ", f.Failed, "/", f.Count))
			},
		}))
		for i := range 30 { // errors up to 20 s, over the threshold until 40 s
			var err error
			if i < 20 {
				err = errBoom
			}
			m.Record(0, err)
			time.Sleep(time.Second)
		}
		equal(t, "fires", log, "[10s true 11/11]")
		for range 30 {
			m.Record(0, nil)
			time.Sleep(time.Second)
		}
		equal(t, "clears", log, "[10s true 11/11 39s false 20/40]")
		m.Record(0, errBoom)
		for range 3 {
			m.Record(0, errBoom)
		}
		time.Sleep(time.Hour)
		m.Figures()
		equal(t, "too short", len(log), 2)
	})
	if _, err := pipes.NewMonitor(time.Millisecond, pipes.Threshold{Name: "x"}); err == nil {
		t.Error("a window of 1 ms and a threshold without functions are accepted")
	}
}
