package orders_test

import (
	"fmt"
	"testing"

	"github.com/rivusio/rivusio/examples/orders"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology/topologytest"
)

func Example() {
	t := &exampleT{}
	topo, err := orders.Topology()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(t, topo, topologytest.Partitions(2))
	customers := topologytest.Input(d, orders.CustomersTopic, serde.String, orders.CustomerSerde)
	in := topologytest.Input(d, orders.OrdersTopic, serde.String, orders.OrderSerde)
	totals := topologytest.Output(d, orders.TotalsTopic, orders.TotalsKey, orders.TotalsSerde)

	order := func(id, customer string, cents, ms int64) {
		in.Send(id, orders.Order{ID: id, Customer: customer, Cents: cents}, topologytest.AtMs(ms))
	}
	customers.Send("ann", orders.Customer{Tier: "gold", City: "Lisbon"}, topologytest.AtMs(0))
	customers.Send("bob", orders.Customer{Tier: "gold", City: "Oslo"}, topologytest.AtMs(0))
	order("o-1", "ann", 500, 1_000)
	order("o-2", "bob", 700, 9_999)
	order("o-3", "bob", 0, 9_999)    // nothing was paid
	order("o-4", "eve", 100, 9_999)  // nobody knows eve
	order("o-5", "ann", 300, 29_999) // the window ends at 10 s and closes at 30 s
	order("o-6", "ann", 200, 8_000)  // out of order, within the grace
	order("o-7", "bob", 400, 30_000) // closes the first window
	order("o-8", "ann", 900, 9_000)  // too late
	order("o-9", "bob", 100, 60_000) // closes what is before 40 s
	for _, r := range totals.ReadAll() {
		fmt.Printf("%s from %d ms: %d orders, %d cents\n", r.Key.Key, r.Key.Start, r.Value.Orders, r.Value.Cents)
	}
	for _, drop := range d.Dropped() {
		fmt.Printf("%s: %d dropped, %s\n", drop.Operator, drop.Records, drop.Reason)
	}
	// Output:
	// gold from 0 ms: 3 orders, 1400 cents
	// gold from 20000 ms: 1 orders, 300 cents
	// gold from 30000 ms: 1 orders, 400 cents
	// spend-by-tier-window-aggregate: 1 dropped, late
}

// exampleT stands for the *testing.T that a test has and an example has not.
type exampleT struct{ testing.TB }

func (*exampleT) Helper()                           {}
func (*exampleT) Cleanup(func())                    {}
func (*exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
