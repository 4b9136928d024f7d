package local_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

func init() { maps.Copy(shapes, tableShapes) }

type textTable = topology.Table[string, string]

// tableShapes are those of grouped tables and of joins of tables.
var tableShapes = map[string]func(b *topology.Builder){
	"groups of a table": func(b *topology.Builder) {
		rows := latest(b)
		rows.GroupBy(func(k, v string) (string, string) { return v, k }).Count("sizes").ToStream().To("sizes")
		g := rows.Filter(func(_, v string) bool { return v != "c" }).GroupBy(func(k, v string) (string, string) { return v, k }, topology.Named("groups"))
		g.Aggregate("members", func() []string { return nil }, func(_, k string, l []string) []string { return append(l, k) }, without,
			topology.StoreSerdes[string, []string](serde.String, listSerde{serde.JSON[[]string]()})).ToStream().To("members")
		g.Reduce("texts", func(a, v string) string { return a + "+" + v }, func(a, v string) string { return a + "-" + v }, topology.InMemory()).
			GroupBy(func(_, v string) (string, string) { return v[:1], v }).Count("firsts").ToStream().To("firsts")
	},
	"joins of tables": func(b *topology.Builder) {
		l, r := latest(b), b.Table("rows", "rows", serde.String, serde.String)
		j := l.OuterJoin(r, func(_ string, v, v2 serde.Optional[string]) string { return fmt.Sprint(v, v2) }, topology.As("outer"))
		j.ToStream().To("outer")
		l.LeftJoin(j, func(_, v string, all serde.Optional[string]) string { return v + all.Value }).ToStream().To("left")
		l.Join(r, func(_, v, row string) string { return v + row }).
			GroupBy(func(k, v string) (string, string) { return v, k }).Count("pairs").ToStream().To("pairs")
	},
	"foreign keys": func(b *topology.Builder) {
		l, r := latest(b), b.Table("rows", "rows", serde.String, serde.String)
		foreign := func(_, v string) string { return v }
		l.JoinForeign(r, foreign, "inner", func(_, v, row string) string { return v + row }, topology.As("joined")).ToStream().To("inner")
		// Rows that name rows of their own table.
		l.LeftJoinForeign(l, foreign, "own", func(_, v string, row serde.Optional[string]) string { return fmt.Sprint(v, row) }).
			ToStream().To("own")
	},
}

// latest is the table of the newest values of topic a.
func latest(b *topology.Builder) textTable {
	return b.Stream("a", serde.String, serde.String).ToTable("latest")
}

func without(_, k string, l []string) []string {
	if i := slices.Index(l, k); i >= 0 {
		l = slices.Delete(l, i, i+1)
	}
	return l
}
