package declarative_test

import (
	"testing"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/examples/orders"
	"github.com/rivusio/rivusio/examples/wordcount"
	"github.com/rivusio/rivusio/topology"
)

func TestX(t *testing.T) {
	for path, construct := range map[string]func() (*topology.Topology, error){"word-count": wordcount.Topology, "orders": orders.Topology} {
		f, err := declarative.Read("../examples/declarative/" + path + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		want, err := construct()
		if err != nil {
			t.Fatal(err)
		}
		a, _ := f.Topology.Describe().JSON()
		b, _ := want.Describe().JSON()
		if string(a) != string(b) {
			t.Errorf("%s\n%s", a, b)
		}
	}
}
