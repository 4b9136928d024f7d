package topologytest_test

import (
	"fmt"
	"strings"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

func ExampleRecorded() {
	b := topology.NewBuilder("shout")
	b.Stream("in", serde.String, serde.String).MapValues(func(_, v string) string { return strings.ToUpper(v) }).To("out", topology.MessageIDs())
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	const slice = `{"rivusio_recording":1,"partitions":{"in":1},"ranges":[{"topic":"in","partition":0,"warm":70,"from":70,"to":72}]}
{"topic":"in","partition":0,"offset":70,"timestamp":1000,"key":"a","value":"first"}
{"topic":"in","partition":0,"offset":71,"timestamp":2000,"key":"a","value":"second"}
`
	d := topologytest.New(&exampleT{}, topo, topologytest.Recorded(strings.NewReader(slice)))
	out := topologytest.Output(d, "out", serde.String, serde.String)
	d.Play(0)
	for _, r := range out.ReadAll() {
		fmt.Printf("%s at %d ms, %s\n", r.Value, r.Timestamp, r.Headers[0].Value)
	}
	// Output:
	// FIRST at 1000 ms, in/0/70
	// SECOND at 2000 ms, in/0/71
}
