package protobuf_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rivusio/rivusio/serde/protobuf/internal/orderpb"
	"github.com/rivusio/rivusio/serde/serdetest"
)

func TestRulesOfSerdes(t *testing.T) {
	values := []*orderpb.Order{{}, order(), {Buyer: &orderpb.Order_Person{Person: "p"}}}
	serdetest.Run(t, plain[*orderpb.Order](t), values, serdetest.Equal(func(a, b *orderpb.Order) bool { return proto.Equal(a, b) }))
}
