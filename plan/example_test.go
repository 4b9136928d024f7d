package plan_test

import (
	"fmt"
	"log"
	"time"

	"github.com/rivusio/rivusio/plan"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// The counts of a shop are to be by minute in the place of by hour.
func ExampleCompare() {
	version := func(size time.Duration) topology.Description {
		b := topology.NewBuilder("shop")
		b.Stream("orders", serde.String, serde.String).GroupByKey().
			Windowed(windows.Tumbling(size)).Count("counts", topology.Retention(2*time.Hour)).
			ToStream(func(customer string, _ windows.Window) string { return customer }).To("counts")
		t, err := b.Build()
		if err != nil {
			log.Fatal(err)
		}
		return t.Describe()
	}
	p := plan.Compare(version(time.Hour), version(time.Minute), nil)
	fmt.Println("verdict:", p.Verdict)
	for _, c := range p.Changes {
		fmt.Println(c.Verdict, c.Kind, c.Subject, "from", c.From, "to", c.To)
	}
	// Output:
	// verdict: breaks
	// breaks window-size counts from size_ms 3600000 to size_ms 60000
	// reset window-advance counts from advance_ms 3600000 to advance_ms 60000
}
