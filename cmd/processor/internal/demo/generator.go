package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/examples/orders"
	"github.com/rivusio/rivusio/operators"
)

const (
	partitions = 4
	speed      = 10 // seconds of event time in a second

	customerCount = 1000
	tick          = 10 * time.Millisecond
	updateEvery   = 1000 // orders, between two changes of a customer
	lateEvery     = 250  // orders, between two that are too late
	unpaidEvery   = 100  // orders, between two of nothing
	disorderMs    = 3000
	lateMs        = 60_000 // a late order is up to this much later than it may be

	// maxPending is how many orders may be on their way. If the machine takes less than the rate, orders come more slowly:
	// were there a backlog, partitions could be read so unevenly that orders come too late.
	maxPending = 25_000
)

var (
	tiers  = []string{"gold", "silver", "bronze"}
	cities = []string{"Lisbon", "Oslo", "Quito", "Hanoi", "Accra", "Turin"}
)

// customer is one that orders. The tier never changes: orders and changes of customers come on different ways, so it
// would depend on chance which of two tiers an order counts for.
type customer struct {
	id        string
	tier      string
	partition int32
}

// generator sends customers and orders.
type generator struct {
	cl        *kgo.Client
	ledger    *ledger
	rate      int
	beginMs   int64        // event time of the first order
	pending   func() int64 // orders that were sent and not processed
	random    *rand.Rand
	customers []customer
	number    int64 // of the next order
	failed    atomic.Pointer[error]
}

func newGenerator(cl *kgo.Client, l *ledger, rate int) *generator {
	g := &generator{cl: cl, ledger: l, rate: rate, random: rand.New(rand.NewPCG(2, 3))}
	// An hour ago, so that event time does not overtake the clock soon; at the start of a window.
	g.beginMs = time.Now().Add(-time.Hour).UnixMilli() / orders.Window.SizeMs() * orders.Window.SizeMs()
	for i := range customerCount {
		id := "customer-" + strconv.Itoa(i)
		g.customers = append(g.customers, customer{
			id: id, tier: tiers[min(i%10, len(tiers)-1)], partition: operators.KeyPartition([]byte(id), partitions),
		})
	}
	return g
}

// introduce sends all customers, before any order.
func (g *generator) introduce(ctx context.Context) error {
	for _, c := range g.customers {
		if err := g.move(ctx, c, g.beginMs-1); err != nil {
			return err
		}
	}
	if err := g.cl.Flush(ctx); err != nil {
		return fmt.Errorf("send customers: %w", err)
	}
	return g.err()
}

// move sends a customer with a new city.
func (g *generator) move(ctx context.Context, c customer, timestamp int64) error {
	value, err := orders.CustomerSerde.Append(nil, orders.Customer{Tier: c.tier, City: cities[g.random.IntN(len(cities))]})
	if err != nil {
		return err
	}
	g.send(ctx, orders.CustomersTopic, c.partition, []byte(c.id), value, timestamp)
	return nil
}

// run sends orders until the context ends, and then waits until the broker has them.
func (g *generator) run(ctx context.Context) error {
	send := context.WithoutCancel(ctx)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var due float64
	begin := time.Now()
	for last := begin; ctx.Err() == nil && g.err() == nil; {
		select {
		case <-ctx.Done():
		case now := <-ticker.C:
			from := eventMs(g.beginMs, last.Sub(begin))
			until := max(from+1, eventMs(g.beginMs, now.Sub(begin)))
			due = min(due+now.Sub(last).Seconds()*float64(g.rate), float64(maxPending-g.pending()))
			n := max(int(due), 0)
			due = max(due-float64(n), 0)
			for i := range n {
				if err := g.order(send, from+(until-from)*int64(i)/int64(n)); err != nil {
					return err
				}
			}
			last = now
		}
	}
	flush, cancel := context.WithTimeout(send, 10*time.Second)
	defer cancel()
	if err := g.cl.Flush(flush); err != nil {
		return fmt.Errorf("send orders: %w", err)
	}
	return g.err()
}

func eventMs(beginMs int64, passed time.Duration) int64 {
	return beginMs + (speed * passed).Milliseconds()
}

// order sends one order, and now and then a change of a customer.
func (g *generator) order(ctx context.Context, nowMs int64) error {
	c := g.customers[g.random.IntN(len(g.customers))]
	if g.number%updateEvery == 0 {
		if err := g.move(ctx, c, nowMs); err != nil {
			return err
		}
	}
	o := orders.Order{ID: "order-" + strconv.FormatInt(g.number, 10), Customer: c.id, Cents: 100 + g.random.Int64N(20_000)}
	key := []byte(o.ID)
	w := way{operators.KeyPartition(key, partitions), c.partition, c.tier}
	timestamp := max(g.beginMs, nowMs-g.random.Int64N(disorderMs))
	late := false
	switch {
	case g.number%lateEvery == lateEvery/2:
		timestamp = nowMs - orders.Window.GraceMs() - orders.Window.SizeMs() - g.random.Int64N(lateMs)
		if late = timestamp >= g.beginMs && g.ledger.place(w, timestamp, o.Cents, true); !late {
			timestamp = nowMs
		}
	case g.number%unpaidEvery == unpaidEvery/2:
		o.Cents = 0
	}
	if !late {
		g.ledger.place(w, timestamp, o.Cents, false)
	}
	g.number++
	value, err := orders.OrderSerde.Append(nil, o)
	if err != nil {
		return err
	}
	g.send(ctx, orders.OrdersTopic, w.partition, key, value, timestamp)
	return nil
}

func (g *generator) send(ctx context.Context, topic string, partition int32, key, value []byte, timestamp int64) {
	r := &kgo.Record{Topic: topic, Partition: partition, Key: key, Value: value, Timestamp: time.UnixMilli(timestamp)}
	g.cl.Produce(ctx, r, func(_ *kgo.Record, err error) {
		if err != nil {
			err = fmt.Errorf("send to topic %q: %w", topic, err)
			g.failed.CompareAndSwap(nil, &err)
		}
	})
}

func (g *generator) err() error {
	if err := g.failed.Load(); err != nil {
		return *err
	}
	return nil
}
