package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// rightsTopology has one of each thing that rights are given to: an input, an output, a repartition topic, a changelog.
func rightsTopology(t *testing.T) *topology.Topology {
	b := topology.NewBuilder("app")
	b.Stream("lines", serde.String, serde.String).
		GroupBy(func(_, v string) string { return v }, topology.Named("words")).
		Count("totals").ToStream().To("all-time")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return topo
}

func texts(rights []Right) []string {
	all := make([]string, len(rights))
	for i, r := range rights {
		all[i] = r.String()
	}
	return all
}

func TestRights(t *testing.T) {
	least := []string{
		`READ on topic "lines" (input)`,
		`WRITE on topic "all-time" (output)`,
		`READ on topic "app-totals-changelog" (changelog)`,
		`WRITE on topic "app-totals-changelog" (changelog)`,
		`CREATE on topic "app-totals-changelog" (changelog)`,
		`READ on topic "app-words-repartition" (repartition)`,
		`WRITE on topic "app-words-repartition" (repartition)`,
		`DELETE on topic "app-words-repartition" (repartition)`,
		`CREATE on topic "app-words-repartition" (repartition)`,
		`READ on group "app" (consumer group)`,
		`WRITE on transactional id "app-", prefixed (transactions of every process)`,
	}
	without := func(text string) []string {
		return slices.DeleteFunc(slices.Clone(least), func(s string) bool { return strings.Contains(s, text) })
	}
	for _, test := range []struct {
		c    Config
		want []string
	}{
		{Config{}, least},
		{Config{RequireTopics: true}, without("CREATE")},
		{Config{Guarantee: AtLeastOnce}, without("transactional")},
	} {
		if got := texts(Rights(rightsTopology(t), test.c)); !slices.Equal(got, test.want) {
			t.Errorf("%+v: got\n%s\nwant\n%s", test.c, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}

	b := topology.NewBuilder("app")
	b.StreamOf(topology.Pattern("^orders-.*"), serde.String, serde.String).
		ToChosen(func(k, _ string, _ operators.RecordContext) string { return k })
	b.StreamOf(topology.Pattern("(a|b).*"), serde.String, serde.String).To("out")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`READ on topic "orders-", prefixed (inputs that match ^orders-.*)`,
		`READ on topic "*" (inputs that match (a|b).*)`,
		`WRITE on topic "out" (output)`,
		`WRITE on topic "*" (sink sink-1 chooses topics; name those that it does choose instead)`,
		`READ on group "app" (consumer group)`,
	}
	if got := texts(Rights(topo, Config{Guarantee: AtLeastOnce})); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAdvisedRights(t *testing.T) {
	b := topology.NewBuilder("app")
	rows := b.Table("names", "names-by-id", serde.String, serde.String)
	rates := b.GlobalTable("rates", "rates-by-id", serde.String, serde.Int64)
	b.Stream("lines", serde.String, serde.String).
		JoinTable(rows, func(_, a, _ string) string { return a }).
		JoinGlobal(rates, func(k, _ string) string { return k }, func(_, a string, _ int64) string { return a }).
		To("out")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(texts(AdvisedRights(topo)), "\n")
	for _, text := range []string{`DESCRIBE_CONFIGS on topic "rates" `} {
		if !strings.Contains(got, text) {
			t.Errorf("no %s in\n%s", text, got)
		}
	}
	if strings.Contains(got, `"lines"`) {
		t.Errorf("a stream is not restored:\n%s", got)
	}
}

// acls are rights as the fake broker takes them.
func acls(rights []Right) []kfake.ACL {
	var all []kfake.ACL
	for _, r := range rights {
		acl := kfake.ACL{Name: r.Name, Operation: r.Operation.kafka(), Allow: true, Pattern: kmsg.ACLResourcePatternTypeLiteral}
		if r.Prefix {
			acl.Pattern = kmsg.ACLResourcePatternTypePrefixed
		}
		switch r.Resource {
		case TopicResource:
			acl.Resource = kmsg.ACLResourceTypeTopic
		case GroupResource:
			acl.Resource = kmsg.ACLResourceTypeGroup
		case TransactionalIDResource:
			acl.Resource = kmsg.ACLResourceTypeTransactionalId
		}
		all = append(all, acl)
	}
	return all
}

// TestLeastRights runs the topology with the rights that are printed for it, and without each one of them.
func TestLeastRights(t *testing.T) {
	all := Rights(rightsTopology(t), Config{})
	for missing := -1; missing < len(all); missing++ {
		name := "all"
		rights := slices.Clone(all)
		if missing >= 0 {
			name = string(all[missing].Operation) + " " + all[missing].Name
			rights = slices.Delete(rights, missing, missing+1)
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testLeastRights(t, rights, missing, all) })
		})
	}
}

func testLeastRights(t *testing.T, rights []Right, missing int, all []Right) {
	root := []kgo.Opt{kgo.SASL(plain.Auth{User: "root", Pass: "r"}.AsMechanism())}
	b := newBroker(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", "r"), kfake.User("PLAIN", "app", "a", acls(rights)...))
	r := &rig{broker: b, t: t, cl: b.client(t, append(append(quick(), root...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)}
	r.adm = kadm.NewClient(r.cl)
	for _, topic := range []string{"lines", "all-time"} {
		if _, err := r.adm.CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	r.produce("lines", in{key: "k", value: "a"}, in{key: "k", value: "b"}, in{key: "k", value: "a"})
	c := r.config("one")
	c.SASL, c.PurgeInterval = &SASL{Mechanism: Plain, User: "app", Password: "a"}, time.Second
	app, err := New(rightsTopology(t), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	if missing >= 0 {
		err := <-done
		var e *MissingRightsError
		if !errors.As(err, &e) || len(e.Rights) != 1 || e.Rights[0] != all[missing] || !strings.Contains(err.Error(), all[missing].String()) {
			t.Errorf("got %v, want an error that names %v only", err, all[missing])
		}
		return
	}
	await(t, "the repartition topic to be purged", func() bool {
		starts, err := r.adm.ListStartOffsets(t.Context(), "app-words-repartition")
		o, ok := starts.Lookup("app-words-repartition", 0)
		return err == nil && ok && o.Offset >= 3
	})
	stop()
	if err := <-done; err != nil {
		t.Errorf("with all rights: %v", err)
	}
}

// All missing rights to topics are named at once.
func TestMissingRightsAreNamedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := []kgo.Opt{kgo.SASL(plain.Auth{User: "root", Pass: "r"}.AsMechanism())}
		b := newBroker(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", "r"), kfake.User("PLAIN", "app", "a"))
		cl := b.client(t, append(quick(), root...)...)
		for _, topic := range []string{"lines", "all-time"} {
			if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
				t.Fatal(err)
			}
		}
		r := &rig{broker: b, t: t, cl: cl}
		c := r.config("one")
		c.SASL = &SASL{Mechanism: Plain, User: "app", Password: "a"}
		app, err := New(rightsTopology(t), c)
		if err != nil {
			t.Fatal(err)
		}
		err = app.Run(t.Context())
		for _, text := range []string{`READ on topic "lines" (input)`, `WRITE on topic "all-time" (output)`} {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("no %s in %v", text, err)
			}
		}
	})
}

func ExampleRights() {
	b := topology.NewBuilder("double")
	b.Stream("numbers", serde.String, serde.Int64).MapValues(func(_ string, n int64) int64 { return 2 * n }).To("doubles")
	t, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range Rights(t, Config{}) {
		fmt.Println(r)
	}
	// Output:
	// READ on topic "numbers" (input)
	// WRITE on topic "doubles" (output)
	// READ on group "double" (consumer group)
	// WRITE on transactional id "double-", prefixed (transactions of every process)
}
