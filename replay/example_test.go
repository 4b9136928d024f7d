package replay_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rivusio/rivusio/replay"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// words counts words; a mistake counts the empty one too.
func words(mistake bool) *topology.Topology {
	b := topology.NewBuilder("words")
	b.Stream("words", serde.String, serde.String).
		Filter(func(_, word string) bool { return word != "" || mistake }).
		GroupBy(func(_, word string) string { return word }, topology.Named("by-word")).
		Count("counts").ToStream().To("counts")
	topo, err := b.Build()
	if err != nil {
		panic(err)
	}
	return topo
}

const slice = `{"rivusio_recording":1,"partitions":{"words":1},"ranges":[{"topic":"words","partition":0,"warm":0,"from":0,"to":3}]}
{"topic":"words","partition":0,"offset":0,"timestamp":1000,"key":null,"value":"to"}
{"topic":"words","partition":0,"offset":1,"timestamp":2000,"key":null,"value":""}
{"topic":"words","partition":0,"offset":2,"timestamp":3000,"key":null,"value":"to"}
`

func ExampleRun() {
	source, err := replay.Recording(strings.NewReader(slice))
	if err != nil {
		fmt.Println(err)
		return
	}
	topo := words(false)
	lines := replay.NewLines(topo, os.Stdout, false)
	summary, err := replay.Run(context.Background(), replay.Config{Topology: topo, Source: source, Results: lines.Write})
	if err != nil {
		fmt.Println(err)
		return
	}
	lines.Flush()
	fmt.Println(summary.Records, "records, state from", summary.Start)
	// Output:
	// {"topic":"counts","key":"to","value":1,"timestamp":1000,"partition":0}
	// {"topic":"counts","key":"to","value":2,"timestamp":3000,"partition":0}
	// 3 records, state from nothing
}

func ExampleDiff() {
	side := func(topo *topology.Topology) replay.Side {
		return func(ctx context.Context, to io.Writer) error {
			source, err := replay.Recording(strings.NewReader(slice))
			if err != nil {
				return err
			}
			lines := replay.NewLines(topo, to, true)
			if _, err := replay.Run(ctx, replay.Config{Topology: topo, Source: source, Results: lines.Write}); err != nil {
				return err
			}
			return lines.Flush()
		}
	}
	c, err := replay.Diff(context.Background(), side(words(false)), side(words(true)), replay.DiffOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Same, "same")
	for _, d := range c.Differences {
		fmt.Printf("%s %s %s, by %v\n", d.Kind, d.Topic, d.Key, d.Cause())
	}
	// Output:
	// 2 same
	// added counts "", by words[0]@1
}
