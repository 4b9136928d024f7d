package main

import (
	"os"

	"github.com/rivusio/rivusio"
	"github.com/rivusio/rivusio/examples/orders"
	"github.com/rivusio/rivusio/examples/wordcount"
)

func main() {
	root := rivusio.Command(wordcount.Topology, orders.Topology)
	root.AddCommand(demoCommand())
	os.Exit(rivusio.Execute(root))
}
