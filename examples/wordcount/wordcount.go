package wordcount

import (
	"strings"
	"time"
	"unicode"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// Window is the minute that words are counted in. A count is sent on with each change, so the grace delays nothing; it
// only says how long a line may come after younger ones. It is a day, because the partitions of a backlog are read at
// their own speed: lines that are hours apart then meet in one task.
var Window = windows.Tumbling(time.Minute).Grace(24 * time.Hour)

// Topology builds the example.
func Topology() (*topology.Topology, error) {
	b := topology.NewBuilder("word-count")
	b.Stream("lines", serde.String, serde.String).
		FlatMapValues(func(_, line string) []string { return Words(line) }).
		GroupBy(func(_, word string) string { return word }, topology.Named("words")).
		Windowed(Window).
		Count("word-counts", topology.EmitOnCommit()).
		ToStream(windows.Key).
		To("word-counts")
	return b.Build()
}

// Words are the words of a line, in order.
func Words(line string) []string {
	return strings.FieldsFunc(strings.ToLower(line), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}
