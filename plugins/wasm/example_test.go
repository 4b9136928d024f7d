package wasm_test

import (
	"context"
	"fmt"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
	"github.com/rivusio/rivusio/plugins/wasm"
)

func ExampleLoad() {
	ctx := context.Background()
	host, err := wasm.Load(ctx, "testdata/plugins", wasm.Limits{MemoryBytes: 16 << 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer host.Close(ctx)
	registry := plugins.Standard(plugins.Environment{})
	if err := host.Register(registry); err != nil {
		fmt.Println(err)
		return
	}
	mask, err := registry.Pipe("mask", plugins.YAML("mask.yaml", []byte("keep: 2")))
	if err != nil {
		fmt.Println(err)
		return
	}
	messages := pipes.Slice([]plugins.Message{{Value: "card 4111 1234"}})
	for out, err := range pipes.Each(messages, mask)(ctx) {
		fmt.Println(out[0].Value, err)
	}
	// Output: card **** **34 <nil>
}
