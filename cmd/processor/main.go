package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio"
	"github.com/rivusio/rivusio/examples/orders"
	"github.com/rivusio/rivusio/examples/wordcount"
)

func main() { os.Exit(rivusio.Execute(command())) }

func command() *cobra.Command {
	root := rivusio.Command(wordcount.Topology, orders.Topology)
	root.AddCommand(demoCommand())
	return root
}
