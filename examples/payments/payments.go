package payments

import (
	_ "embed"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/avro"
	"github.com/rivusio/rivusio/serde/registry"
	"github.com/rivusio/rivusio/topology"
)

// PaymentSchema and TotalSchema are the schemas of what is read and written.
var (
	//go:embed payment.avsc
	PaymentSchema string
	//go:embed total.avsc
	TotalSchema string
)

// Payment is a payment.
type Payment struct {
	ID       string    `avro:"id"`
	Account  string    `avro:"account"`
	Cents    int64     `avro:"cents"`
	Currency string    `avro:"currency"`
	At       time.Time `avro:"at"`
}

// Total is what an account has paid in a currency.
type Total struct {
	Account  string    `avro:"account"`
	Currency string    `avro:"currency"`
	Payments int64     `avro:"payments"`
	Cents    int64     `avro:"cents"`
	Last     time.Time `avro:"last"`
}

// Topology builds the example on a schema registry.
func Topology(c *registry.Client) (*topology.Topology, error) {
	payment, err := avro.Typed[Payment](PaymentSchema)
	if err != nil {
		return nil, err
	}
	total, err := avro.Typed[Total](TotalSchema)
	if err != nil {
		return nil, err
	}
	totals := registry.Value(c, "account-totals", total)

	b := topology.NewBuilder("payments")
	b.Stream("payments", serde.String, registry.Value(c, "payments", payment)).
		Filter(func(_ string, p Payment) bool { return p.Cents > 0 }).
		GroupBy(func(_ string, p Payment) string { return p.Account + "/" + p.Currency }, topology.Named("by-account")).
		Aggregate("totals",
			func() Total { return Total{} },
			func(_ string, p Payment, t Total) Total {
				t.Account, t.Currency = p.Account, p.Currency
				t.Payments, t.Cents = t.Payments+1, t.Cents+p.Cents
				if p.At.After(t.Last) {
					t.Last = p.At
				}
				return t
			}, topology.StoreSerdes(serde.String, totals)).
		ToStream().
		To("account-totals")
	return b.Build()
}
