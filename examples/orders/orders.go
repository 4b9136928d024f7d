package orders

import (
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// Order is a value of topic "orders".
type Order struct {
	ID       string `json:"id"`
	Customer string `json:"customer"` // key of the customer
	Cents    int64  `json:"cents"`
}

// Customer is a value of topic "customers".
type Customer struct {
	Tier string `json:"tier"`
	City string `json:"city"`
}

// Sale is what the totals need of an order and its customer.
type Sale struct {
	Tier  string `json:"tier"`
	Cents int64  `json:"cents"`
}

// Totals is a value of topic "spend-by-tier".
type Totals struct {
	Orders int64 `json:"orders"`
	Cents  int64 `json:"cents"`
}

// Window is what totals are made of: an order may come 20 seconds of event time after younger ones.
var Window = windows.Tumbling(10 * time.Second).Grace(20 * time.Second)

// Topics of the example.
const (
	OrdersTopic    = "orders"
	CustomersTopic = "customers"
	TotalsTopic    = "spend-by-tier"
)

// Serdes of the example's topics, for those who write and read them.
var (
	OrderSerde    = serde.JSON[Order]()
	CustomerSerde = serde.JSON[Customer]()
	TotalsSerde   = serde.JSON[Totals]()
	TotalsKey     = windows.TimeKeySerde(serde.String, time.Duration(Window.SizeMs())*time.Millisecond)
)

// Topology builds the example.
func Topology() (*topology.Topology, error) {
	b := topology.NewBuilder("orders")
	customers := b.Table(CustomersTopic, "customers-by-id", serde.String, CustomerSerde)
	b.Stream(OrdersTopic, serde.String, OrderSerde).
		Filter(func(_ string, o Order) bool { return o.Cents > 0 }, topology.Named("paid")).
		SelectKey(func(_ string, o Order) string { return o.Customer }, topology.Named("by-customer")).
		JoinTable(customers, sale, topology.Named("orders-by-customer")).
		GroupBy(func(_ string, s Sale) string { return s.Tier }, topology.Named("sales-by-tier")).
		Windowed(Window).
		OnClose().
		Aggregate("spend-by-tier", func() Totals { return Totals{} }, add).
		ToStream(windows.Key, topology.Named("totals")).
		To(TotalsTopic, topology.Named("totals-sink"))
	return b.Build()
}

func sale(_ string, o Order, c Customer) Sale { return Sale{Tier: c.Tier, Cents: o.Cents} }

func add(_ string, s Sale, t Totals) Totals {
	return Totals{Orders: t.Orders + 1, Cents: t.Cents + s.Cents}
}
