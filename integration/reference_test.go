//go:build integration

package integration_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/integration"
	"github.com/rivusio/rivusio/windows"
)

// reading is an input of the topology integration.Tallies.
type reading struct {
	sensor    string
	serial    int64
	timestamp int64
}

// readings makes up inputs: event time goes on by a fixed step, and each reading is up to disorderMs off.
type readings struct {
	rng        *rand.Rand
	sensors    int
	startMs    int64
	stepUs     int64
	disorderMs int64
	made       int64
}

func newReadings(seed uint64, startMs int64) *readings {
	return &readings{rng: rand.New(rand.NewPCG(seed, 1)), sensors: 10_000, startMs: startMs, stepUs: 600, disorderMs: 5_000}
}

func (r *readings) next() reading {
	r.made++
	return reading{
		sensor:    fmt.Sprintf("sensor-%04d", r.rng.IntN(r.sensors)),
		serial:    r.made,
		timestamp: r.startMs + r.made*r.stepUs/1000 + r.rng.Int64N(r.disorderMs),
	}
}

// row is a key of the output.
type row = windows.Keyed[string]

// total is what became of the readings of a row. The digest depends on which serial numbers are in it, not on their order.
type total struct {
	integration.Tally
	digest uint64
}

func (t *total) add(serial int64) {
	t.Count++
	t.Sum += serial
	t.digest += mix(uint64(serial))
}

// mix is the finalizer of SplitMix64: sums of it differ for different sets of numbers.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// reference is what the outputs must be, computed by itself.
type reference struct {
	rows  map[row]*total
	sites map[string]int64
}

func newReference() *reference {
	return &reference{rows: make(map[row]*total), sites: make(map[string]int64)}
}

func (r *reference) add(in reading) {
	size := integration.Window.SizeMs()
	start := in.timestamp - in.timestamp%size
	key := windows.Key(integration.Site(in.sensor), windows.Window{Start: start, End: start + size})
	if r.rows[key] == nil {
		r.rows[key] = new(total)
	}
	r.rows[key].add(in.serial)
	r.sites[key.Key]++
}

// comparison takes the outputs, in the order of each row, and says how they differ from the reference.
type comparison struct {
	want  *reference
	rows  map[row]*total
	sites map[string]int64

	differences int
	shown       []string
}

func (r *reference) compare() *comparison {
	return &comparison{want: r, rows: make(map[row]*total), sites: make(map[string]int64)}
}

func (c *comparison) differ(format string, args ...any) {
	if c.differences++; len(c.shown) < 20 {
		c.shown = append(c.shown, fmt.Sprintf(format, args...))
	}
}

// update takes an update of a tally, which must be the next one: it has one reading more than the one before.
func (c *comparison) update(key row, got integration.Tally) {
	have := c.rows[key]
	if have == nil {
		have = new(total)
		c.rows[key] = have
	}
	if got.Count != have.Count+1 {
		c.differ("%v: update %d follows update %d", key, got.Count, have.Count)
	}
	have.digest += mix(uint64(got.Sum - have.Sum))
	have.Tally = got
}

// total takes a number of readings of a site, which only grows.
func (c *comparison) total(site string, got int64) {
	if got <= c.sites[site] {
		c.differ("site %s: total %d follows %d", site, got, c.sites[site])
	}
	c.sites[site] = got
}

// exactly ends a comparison with outputs that have every reading once.
func (c *comparison) exactly() {
	for key, want := range c.want.rows {
		switch got := c.rows[key]; {
		case got == nil:
			c.differ("%v: missing, want %d updates", key, want.Count)
		case got.Tally != want.Tally:
			c.differ("%v: last update is %+v, want %+v", key, got.Tally, want.Tally)
		case got.digest != want.digest:
			c.differ("%v: the %d updates are not for the %d readings", key, got.Count, want.Count)
		}
	}
	for site, want := range c.want.sites {
		if got := c.sites[site]; got != want {
			c.differ("site %s: last total is %d, want %d", site, got, want)
		}
	}
	c.nothingElse()
}

// atLeast ends a comparison with outputs that have every reading at least once. Of such outputs only the last of each row
// counts.
func (c *comparison) atLeast() {
	c.differences, c.shown = 0, nil
	for key, want := range c.want.rows {
		switch got := c.rows[key]; {
		case got == nil:
			c.differ("%v: missing, want %d updates", key, want.Count)
		case got.Count < want.Count || got.Sum < want.Sum:
			c.differ("%v: last update is %+v, want at least %+v", key, got.Tally, want.Tally)
		}
	}
	for site, want := range c.want.sites {
		if got := c.sites[site]; got < want {
			c.differ("site %s: last total is %d, want at least %d", site, got, want)
		}
	}
	c.nothingElse()
}

func (c *comparison) nothingElse() {
	for key := range c.rows {
		if c.want.rows[key] == nil {
			c.differ("%v: nothing was to be there", key)
		}
	}
	for site := range c.sites {
		if c.want.sites[site] == 0 {
			c.differ("site %s: nothing was to be there", site)
		}
	}
}

// repeated is how many readings are in the outputs more often than once, by the counts.
func (c *comparison) repeated() (n int64) {
	for key, got := range c.rows {
		if want := c.want.rows[key]; want != nil {
			n += max(0, got.Count-want.Count)
		}
	}
	return n
}

func (c *comparison) String() string {
	return fmt.Sprintf("%d differences\n%s", c.differences, strings.Join(c.shown, "\n"))
}

// outputs are the updates of a correct run, in an order that keeps that of each row.
func outputs(in []reading) (keys []row, updates []integration.Tally) {
	at := make(map[row]*total)
	for _, r := range in {
		one := newReference()
		one.add(r)
		for key := range one.rows {
			if at[key] == nil {
				at[key] = new(total)
			}
			at[key].add(r.serial)
			keys, updates = append(keys, key), append(updates, at[key].Tally)
		}
	}
	return keys, updates
}

// TestComparison shows that the comparison takes correct outputs, and none with an update lost, repeated, exchanged, or
// made of the wrong reading.
func TestComparison(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		made := newReadings(rapid.Uint64().Draw(t, "seed"), 60_000)
		made.sensors, made.stepUs = 40, 10_000_000
		want := newReference()
		var in []reading
		for range rapid.IntRange(1, 60).Draw(t, "readings") {
			in = append(in, made.next())
			want.add(in[len(in)-1])
		}
		keys, updates := outputs(in)
		at := rapid.IntRange(0, len(keys)-1).Draw(t, "at")
		fault := rapid.SampledFrom([]string{"none", "lost", "repeated", "reading", "count"}).Draw(t, "fault")
		switch fault {
		case "lost":
			keys, updates = slices.Delete(keys, at, at+1), slices.Delete(updates, at, at+1)
		case "repeated":
			keys, updates = slices.Insert(keys, at, keys[at]), slices.Insert(updates, at, updates[at])
		case "reading": // the sum of the row is right again with its next update
			updates[at].Sum += 1000
		case "count":
			updates[at].Count += 2
		}
		c := want.compare()
		for i, key := range keys {
			c.update(key, updates[i])
		}
		for site, n := range want.sites {
			c.total(site, n)
		}
		c.exactly()
		if (c.differences > 0) != (fault != "none") {
			t.Fatalf("fault %s: %v", fault, c)
		}
		c.atLeast()
		// A repeated update is allowed, and so is one that is lost or wrong if a later one has all.
		if fault == "repeated" && c.differences > 0 {
			t.Fatalf("at least once, fault %s: %v", fault, c)
		}
	})
}
