package topology_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

type (
	stringTable = topology.Table[string, string]
	windowTable = topology.WindowedTable[string, int64]
)

// tables runs a topology over two tables, of the topics "left" and "right", with records TOPIC KEY=VALUE, or TOPIC KEY for a
// delete, and prints the changes of the result.
func tables[K comparable, V any](k serde.Serde[K], v serde.Serde[V], build func(left, right stringTable) topology.Table[K, V], records ...string) {
	b := topology.NewBuilder("example")
	build(b.Table("left", "left", serde.String, serde.String), b.Table("right", "right", serde.String, serde.String)).ToStream().To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	for i, r := range records {
		topic, r, _ := strings.Cut(r, " ")
		key, value, ok := strings.Cut(r, "=")
		in := topologytest.Input(d, topic, serde.String, serde.String)
		if at := topologytest.AtMs(int64(i)); ok {
			in.Send(key, value, at)
		} else {
			in.Delete(key, at)
		}
	}
	for _, r := range topologytest.Output(d, "out", k, v).ReadAll() {
		fmt.Println(r)
	}
}

// Employees by department: who moves leaves one group and comes to another.
func ExampleTable_GroupBy() {
	tables(serde.String, serde.Int64, func(employees, _ stringTable) topology.Table[string, int64] {
		return employees.GroupBy(func(name, department string) (string, string) { return department, name }).Count("sizes")
	}, "left ann=sales", "left bob=sales", "left ann=research", "left bob")
	// Output:
	// sales=1@0
	// sales=2@1
	// sales=1@2
	// research=1@2
	// sales=0@3
}

func ExampleGroupedTable_Reduce() {
	tables(serde.String, serde.Int64, func(stock, _ stringTable) topology.Table[string, int64] {
		return stock.
			GroupBy(func(_, row string) (kind string, pieces int64) { fmt.Sscan(row, &kind, &pieces); return kind, pieces }).
			Reduce("pieces", func(sum, n int64) int64 { return sum + n }, func(sum, n int64) int64 { return sum - n })
	}, "left shelf-1=nut 10", "left shelf-2=nut 5", "left shelf-1=nut 7", "left shelf-2=bolt 1")
	// Output:
	// nut=10@0
	// nut=15@1
	// nut=12@2
	// nut=7@3
	// bolt=1@3
}

func ExampleGroupedTable_Aggregate() {
	tables(serde.String, serde.String, func(employees, _ stringTable) topology.Table[string, string] {
		return employees.
			GroupBy(func(name, department string) (string, string) { return department, name }).
			Aggregate("members", func() string { return "" },
				func(_, name, all string) string { return all + name + " " },
				func(_, name, all string) string { return strings.Replace(all, name+" ", "", 1) })
	}, "left ann=sales", "left bob=sales", "left ann=research")
	// Output:
	// sales=ann @0
	// sales=ann bob @1
	// sales=bob @2
	// research=ann @2
}

// The clicks on all pages in each window.
func ExampleWindowedTable_GroupBy() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Windowed(windows.Tumbling(10*time.Millisecond)).Count("clicks").
			GroupBy(func(_ string, w windows.Window, n int64) (string, int64) { return fmt.Sprint("from ", w.Start), n }).
			Reduce("all-clicks", func(sum, n int64) int64 { return sum + n }, func(sum, n int64) int64 { return sum - n }).
			ToStream().To("out")
	}, "home=x@1", "cart=x@2", "home=x@3", "home=x@11")
	// Output:
	// from 0=1@1
	// from 0=2@2
	// from 0=3@3
	// from 10=1@11
}

func ExampleTable_Join() {
	tables(serde.String, serde.String, func(names, cities stringTable) topology.Table[string, string] {
		return names.Join(cities, func(_, name, city string) string { return name + " in " + city })
	}, "left 1=Ann", "right 1=Rome", "left 1=Anna", "right 1")
	// Output:
	// 1=Ann in Rome@1
	// 1=Anna in Rome@2
	// 1=null@3
}

func ExampleTable_LeftJoin() {
	tables(serde.String, serde.String, func(names, cities stringTable) topology.Table[string, string] {
		return names.LeftJoin(cities, func(_, name string, city serde.Optional[string]) string {
			if !city.OK {
				return name
			}
			return name + " in " + city.Value
		})
	}, "right 2=Oslo", "left 1=Ann", "right 1=Rome", "right 1")
	// Output:
	// 1=Ann@1
	// 1=Ann in Rome@2
	// 1=Ann@3
}

func ExampleTable_OuterJoin() {
	tables(serde.String, serde.String, func(names, cities stringTable) topology.Table[string, string] {
		return names.OuterJoin(cities, func(_ string, name, city serde.Optional[string]) string {
			return fmt.Sprintf("%q in %q", name.Value, city.Value)
		}, topology.As("people"))
	}, "right 1=Rome", "left 1=Ann", "right 1", "left 1")
	// Output:
	// 1="" in "Rome"@0
	// 1="Ann" in "Rome"@1
	// 1="Ann" in ""@2
	// 1=null@3
}

// windowTables runs a join of the counts of clicks and of orders in the same ten milliseconds.
func windowTables(join func(clicks, orders windowTable) topology.WindowedTable[string, string]) {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		count := func(what string) windowTable {
			return in.Filter(func(_, v string) bool { return v == what }).GroupByKey().Windowed(windows.Tumbling(10 * time.Millisecond)).Count(what)
		}
		join(count("click"), count("order")).
			ToStream(func(k string, w windows.Window) string { return fmt.Sprint(k, " from ", w.Start) }).To("out")
	}, "ann=click@1", "ann=order@2", "ann=click@3", "bob=order@4", "ann=click@11")
}

func ExampleWindowedTable_Join() {
	windowTables(func(clicks, orders windowTable) topology.WindowedTable[string, string] {
		return clicks.Join(orders, func(_ string, _ windows.Window, c, o int64) string { return fmt.Sprintf("%d clicks, %d orders", c, o) })
	})
	// Output:
	// ann from 0=1 clicks, 1 orders@2
	// ann from 0=2 clicks, 1 orders@3
}

func ExampleWindowedTable_LeftJoin() {
	windowTables(func(clicks, orders windowTable) topology.WindowedTable[string, string] {
		return clicks.LeftJoin(orders, func(_ string, _ windows.Window, c int64, o serde.Optional[int64]) string {
			return fmt.Sprintf("%d clicks, %d orders", c, o.Value)
		})
	})
	// Output:
	// ann from 0=1 clicks, 0 orders@1
	// ann from 0=1 clicks, 1 orders@2
	// ann from 0=2 clicks, 1 orders@3
	// ann from 10=1 clicks, 0 orders@11
}

func ExampleWindowedTable_OuterJoin() {
	windowTables(func(clicks, orders windowTable) topology.WindowedTable[string, string] {
		return clicks.OuterJoin(orders, func(_ string, _ windows.Window, c, o serde.Optional[int64]) string {
			return fmt.Sprintf("%d clicks, %d orders", c.Value, o.Value)
		})
	})
	// Output:
	// ann from 0=1 clicks, 0 orders@1
	// ann from 0=1 clicks, 1 orders@2
	// ann from 0=2 clicks, 1 orders@3
	// bob from 0=0 clicks, 1 orders@4
	// ann from 10=1 clicks, 0 orders@11
}

// Orders name their customer; when a customer changes, so do the rows of all his orders.
func ExampleTable_JoinForeign() {
	tables(serde.String, serde.String, func(orders, customers stringTable) topology.Table[string, string] {
		return orders.JoinForeign(customers, func(_, customer string) string { return customer }, "orders-with-customers",
			func(_, _, name string) string { return "for " + name }, topology.As("named-orders"))
	}, "right c1=Ann", "left order-1=c1", "left order-2=c1", "right c1=Anna", "left order-1=c2", "right c2=Bob", "left order-2")
	// Output:
	// order-1=for Ann@1
	// order-2=for Ann@2
	// order-1=for Anna@3
	// order-2=for Anna@3
	// order-1=null@4
	// order-1=for Bob@5
	// order-2=null@6
}

// A foreign key may be null if the other table's keys may be.
func ExampleTable_LeftJoinForeign() {
	b := topology.NewBuilder("example")
	orders := b.Table("orders", "orders", serde.String, serde.String)
	customers := b.Table("customers", "customers", serde.Nullable(serde.String), serde.String)
	orders.LeftJoinForeign(customers,
		func(_, customer string) serde.Optional[string] {
			return serde.Optional[string]{Value: customer, OK: customer != "nobody"}
		},
		"orders-with-customers",
		func(_, customer string, name serde.Optional[string]) string {
			if !name.OK {
				return "for " + customer
			}
			return "for " + name.Value
		}).ToStream().To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo, topologytest.Partitions(4, "customers"))
	in := topologytest.Input(d, "orders", serde.String, serde.String)
	in.Send("order-1", "c1")
	in.Send("order-2", "nobody")
	topologytest.Input(d, "customers", serde.String, serde.String).Send("c1", "Ann")
	fmt.Println(topologytest.Output(d, "out", serde.String, serde.String).ReadAll())
	// Output:
	// [order-1=for c1@0 order-2=for nobody@0 order-1=for Ann@0]
}
