package engine

import (
	"maps"
	"testing"
	"testing/synctest"
)

func TestCopy(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 3, "out": 2})
			r.produce("in", traffic(0, 1000, 3)...)
			c := r.config("one")
			c.Guarantee = g
			p := r.start(copying(t), c)
			r.awaitCaughtUp("copy", "in")
			p.mustEnd()
			if n := len(r.read("out")); n != 1000 {
				t.Errorf("%d records came out, want 1000", n)
			}
		})
	})
}

func TestKeyedCount(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 3, "out": 2})
			c := r.config("one")
			c.Guarantee = g
			p := r.start(counting(t), c)
			for i := range 10 {
				r.produce("in", traffic(i*100, 100, 3)...)
			}
			r.awaitCaughtUp("count", "in")
			p.mustEnd()
			if got, want := r.counts("out"), wantKeyed(1000); !maps.Equal(got, want) {
				t.Errorf("got %v\nwant %v", got, want)
			}
		})
	})
}

func TestRepartitionAndWindowedCount(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 3, "out": 2})
			c := r.config("one")
			c.Guarantee = g
			c.Workers = 2
			p := r.start(windowedCount(t), c)
			for i := range 10 {
				r.produce("in", traffic(i*100, 100, 3)...)
			}
			r.awaitCaughtUp("windowed", "in")
			r.awaitCaughtUp("windowed", "in", "windowed-by-value-repartition")
			p.mustEnd()
			if got, want := r.counts("out"), wantWindowed(1000); !maps.Equal(got, want) {
				t.Errorf("got %v\nwant %v", got, want)
			}
		})
	})
}
