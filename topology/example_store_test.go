package topology_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

// step is a processor of strings that answers each record with a text.
func step(in stringStream, open func(c *operators.Context) func(r *operators.Record[string, string]) (string, error), opts ...topology.ProcessOption) {
	in.Process(func(c *operators.Context, forward operators.Forward[string, string]) (operators.Forward[string, string], error) {
		answer := open(c)
		return func(r *operators.Record[string, string]) error {
			text, err := answer(r)
			if err != nil {
				return err
			}
			to := *r
			to.Value = text
			return forward(&to)
		}, nil
	}, opts...).To("out")
}

// Rows come in the order of their encoded keys, whether they are committed or not, so a prefix is a range.
func ExampleBuilder_KeyValueStore() {
	words(serde.String, func(b *topology.Builder, in stringStream) {
		lines := b.KeyValueStore("lines", serde.String, serde.String)
		step(in, func(c *operators.Context) func(r *operators.Record[string, string]) (string, error) {
			lines := lines.In(c)
			return func(r *operators.Record[string, string]) (string, error) {
				if r.Value != "show" {
					return "kept", lines.Put(r.Key, r.Value)
				}
				var all []string
				for row, err := range lines.ReversePrefix([]byte(r.Key)) {
					if err != nil {
						return "", err
					}
					if all = append(all, row.Key+" "+row.Value); len(all) == 2 {
						break // a loop may stop early
					}
				}
				return strings.Join(all, ", "), nil
			}
		}, lines)
	}, "order-1/a=tea", "order-2/a=cup", "order-1/b=milk", "order-1/c=sugar", "order-1/=show")
	// Output:
	// order-1/a=kept@0
	// order-2/a=kept@1
	// order-1/b=kept@2
	// order-1/c=kept@3
	// order-1/=order-1/c sugar, order-1/b milk@4
}

func ExampleBuilder_WindowStore() {
	words(serde.String, func(b *topology.Builder, in stringStream) {
		perTen := b.WindowStore("per-ten", 10*time.Millisecond, 100*time.Millisecond, serde.String, serde.Int64)
		step(in, func(c *operators.Context) func(r *operators.Record[string, string]) (string, error) {
			perTen := perTen.In(c)
			return func(r *operators.Record[string, string]) (string, error) {
				start := r.Timestamp / 10 * 10
				n, _, err := perTen.Get(r.Key, start)
				if err != nil {
					return "", err
				}
				if err := perTen.Put(r.Key, start, n+1); err != nil {
					return "", err
				}
				var last []string // of the last 30 ms, the latest window first
				for row, err := range perTen.ReverseFetch(r.Key, r.Timestamp-30, r.Timestamp) {
					if err != nil {
						return "", err
					}
					last = append(last, fmt.Sprintf("%d in [%d,%d)", row.Value, row.Key.Start, row.Key.End))
				}
				return strings.Join(last, ", "), nil
			}
		}, perTen)
	}, "k=@5", "k=@7", "k=@25", "k=@39")
	// Output:
	// k=1 in [0,10)@5
	// k=2 in [0,10)@7
	// k=1 in [20,30), 2 in [0,10)@25
	// k=1 in [30,40), 1 in [20,30)@39
}

func ExampleBuilder_SessionStore() {
	words(serde.String, func(b *topology.Builder, in stringStream) {
		sessions := b.SessionStore("sessions", time.Second, serde.String, serde.String)
		step(in, func(c *operators.Context) func(r *operators.Record[string, string]) (string, error) {
			sessions := sessions.In(c)
			return func(r *operators.Record[string, string]) (string, error) {
				w := windows.Window{Start: r.Timestamp, End: r.Timestamp}
				path := r.Value
				for row, err := range sessions.Fetch(r.Key, w.Start-10, w.End+10) { // what is at most 10 ms away
					if err != nil {
						return "", err
					}
					if err := sessions.Delete(r.Key, row.Key.Window); err != nil {
						return "", err
					}
					w = windows.Window{Start: min(w.Start, row.Key.Start), End: max(w.End, row.Key.End)}
					path = row.Value + ">" + path
				}
				return fmt.Sprintf("%s in [%d,%d]", path, w.Start, w.End), sessions.Put(r.Key, w, path)
			}
		}, sessions)
	}, "ann=home@0", "ann=cart@8", "ann=home@30", "ann=paid@18")
	// Output:
	// ann=home in [0,0]@0
	// ann=home>cart in [0,8]@8
	// ann=home in [30,30]@30
	// ann=home>cart>paid in [0,18]@18
}

// Prices are asked for as of a time, and a price may come late.
func ExampleBuilder_VersionedStore() {
	words(serde.String, func(b *topology.Builder, in stringStream) {
		prices := b.VersionedStore("prices", 100*time.Millisecond, serde.String, serde.String)
		step(in, func(c *operators.Context) func(r *operators.Record[string, string]) (string, error) {
			prices := prices.In(c)
			return func(r *operators.Record[string, string]) (string, error) {
				if r.Value != "?" {
					latest, kept, err := prices.Put(r.Key, r.Value, r.Timestamp)
					return fmt.Sprintf("latest: %v, kept: %v", latest, kept), err
				}
				price, found, err := prices.GetAsOf(r.Key, r.Timestamp)
				if !found || err != nil {
					return "none", err
				}
				return price.Value, nil
			}
		}, prices)
	}, "tea=3@10", "tea=5@50", "tea=4@30", "tea=?@49", "tea=?@50", "tea=6@200", "tea=1@90", "tea=?@150")
	// Output:
	// tea=latest: true, kept: true@10
	// tea=latest: true, kept: true@50
	// tea=latest: false, kept: true@30
	// tea=4@49
	// tea=5@50
	// tea=latest: true, kept: true@200
	// tea=latest: false, kept: false@90
	// tea=5@150
}

// Records wait until the key is released, and then leave in the order of their times.
func ExampleBuilder_ListStore() {
	words(serde.String, func(b *topology.Builder, in stringStream) {
		waiting := b.ListStore("waiting", time.Hour, serde.String, serde.String)
		in.Process(func(c *operators.Context, forward operators.Forward[string, string]) (operators.Forward[string, string], error) {
			waiting := waiting.In(c)
			return func(r *operators.Record[string, string]) error {
				if r.Value != "release" {
					return waiting.Append(r.Key, r.Timestamp, r.Value)
				}
				for row, err := range waiting.Fetch(r.Key, 0, r.Timestamp) {
					if err != nil {
						return err
					}
					o := operators.Record[string, string]{Key: row.Key, Value: row.Value, Timestamp: row.Timestamp}
					if err := forward(&o); err != nil {
						return err
					}
					if err := waiting.Delete(row.Key, row.Timestamp); err != nil {
						return err
					}
				}
				return nil
			}, nil
		}, waiting).To("out")
	}, "ann=c@3", "bob=x@4", "ann=a@1", "ann=b@1", "ann=release@9", "ann=release@10")
	// Output:
	// ann=a@1
	// ann=b@1
	// ann=c@3
}

// A store that is fed by a topic, which is also its changelog, and that a processor reads.
func ExampleTable_In() {
	b := topology.NewBuilder("shop")
	limits := b.Table("limits", "limits", serde.String, serde.Int64, topology.SourceAsChangelog())
	b.Stream("orders", serde.String, serde.Int64).
		Process(func(c *operators.Context, forward operators.Forward[string, int64]) (operators.Forward[string, int64], error) {
			limits := limits.In(c)
			return func(r *operators.Record[string, int64]) error {
				limit, found, err := limits.Get(r.Key)
				if err != nil || found && r.Value > limit {
					return err
				}
				return forward(r)
			}, nil
		}, limits).
		To("accepted")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo, topologytest.Partitions(3))
	orders := topologytest.Input(d, "orders", serde.String, serde.Int64)
	topologytest.Input(d, "limits", serde.String, serde.Int64).Send("ann", 100)
	d.Restart(topologytest.EmptyState)
	orders.Send("ann", 101)
	orders.Send("ann", 100)
	orders.Send("bob", 900)
	fmt.Println(topologytest.Output(d, "accepted", serde.String, serde.Int64).ReadAll())
	fmt.Println("changelogs:", strings.Contains(topo.Describe().String(), "changelog: shop"))
	// Output:
	// [ann=100@0 bob=900@0]
	// changelogs: false
}
