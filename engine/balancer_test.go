package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// broker is a fake cluster on a virtual network, for tests in a bubble of package synctest.
type broker struct {
	*kfake.Cluster
	network *kfake.VirtualNetwork
}

func newBroker(t *testing.T, opts ...kfake.Opt) *broker {
	t.Helper()
	network := new(kfake.VirtualNetwork)
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.Ports(9001, 9002), kfake.ListenFn(network.Listen)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &broker{c, network}
}

func (b *broker) client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(b.ListenAddrs()...), kgo.Dialer(b.network.DialContext), kgo.MetadataMinAge(20 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func (b *broker) admin(t *testing.T) *kadm.Client { return kadm.NewClient(b.client(t)) }

// joined has a sub-topology of two co-partitioned topics with a store, one of a repartition topic with a store, and one
// without any.
func joined(t *testing.T) *graph.Topology {
	b := topology.NewBuilder("app")
	tiers := b.Table("customers", "tiers", serde.String, serde.String)
	b.Stream("orders", serde.String, serde.String).
		JoinTable(tiers, func(_, order, tier string) string { return order + tier }, topology.Named("by-customer")).
		GroupBy(func(_, v string) string { return v }, topology.Named("by-value")).
		Count("counts").
		ToStream().
		To("totals")
	b.Stream("clicks", serde.String, serde.String).To("clicks-copy")
	return build(t, b)
}

func build(t *testing.T, b *topology.Builder) *graph.Topology {
	t.Helper()
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return topo.Graph()
}

func planOn(t *testing.T, g *graph.Topology, partitions map[string]int32) *graph.Plan {
	t.Helper()
	plan, err := g.NewPlan(func(topic string) (int32, bool) { n, ok := partitions[topic]; return n, ok }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

var joinedTopics = map[string]int32{"customers": 5, "orders": 5, "totals": 1, "clicks": 3, "clicks-copy": 1}

// crowd is the members of a group and who has what; it fails the test if two have the same partition at once.
type crowd struct {
	t       *testing.T
	b       *broker
	mu      sync.Mutex
	owner   map[topicPartition]string
	tookOff map[string]int // partitions that left a member, for good or for a rebalance
	errs    map[string]error
}

func newCrowd(t *testing.T, b *broker) *crowd {
	return &crowd{t: t, b: b, owner: make(map[topicPartition]string), tookOff: make(map[string]int), errs: make(map[string]error)}
}

type groupMember struct {
	*kgo.Client
	balancer *balancer
	stop     func()
}

// join starts a member. A name makes it static if it begins with "static".
func (c *crowd) join(name string, g *graph.Topology, plan *graph.Plan) *groupMember {
	balancer := newBalancer("app", g, plan)
	topics := make([]string, 0)
	for _, sub := range g.SubTopologies {
		topics = append(topics, sub.Sources...)
	}
	took := func(_ context.Context, _ *kgo.Client, assigned map[string][]int32) { c.took(name, assigned) }
	left := func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { c.left(name, gone) }
	opts := []kgo.Opt{
		kgo.ConsumerGroup("app"), kgo.ConsumeTopics(topics...), kgo.Balancers(balancer), kgo.DisableAutoCommit(),
		kgo.SessionTimeout(10 * time.Second), kgo.HeartbeatInterval(time.Second),
		kgo.OnPartitionsAssigned(took), kgo.OnPartitionsRevoked(left), kgo.OnPartitionsLost(left),
	}
	if strings.HasPrefix(name, "static") {
		opts = append(opts, kgo.InstanceID(name))
	}
	cl := c.b.client(c.t, opts...)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			cl.PollFetches(ctx).EachError(func(_ string, _ int32, err error) {
				c.mu.Lock()
				c.errs[name] = err
				c.mu.Unlock()
			})
		}
	}()
	stop := sync.OnceFunc(func() { cancel(); <-done; cl.Close() })
	c.t.Cleanup(stop)
	return &groupMember{cl, balancer, stop}
}

func (c *crowd) took(name string, assigned map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for topic, partitions := range assigned {
		for _, p := range partitions {
			if other, taken := c.owner[topicPartition{topic, p}]; taken && other != name {
				c.t.Errorf("%s got partition %d of %s while %s has it", name, p, topic, other)
			}
			c.owner[topicPartition{topic, p}] = name
		}
	}
}

func (c *crowd) left(name string, gone map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for topic, partitions := range gone {
		for _, p := range partitions {
			delete(c.owner, topicPartition{topic, p})
			c.tookOff[name]++
		}
	}
}

// settle gives the group time and returns the tasks of each member, whole.
func (c *crowd) settle(g *graph.Topology, plan *graph.Plan) map[string][]task.ID {
	c.t.Helper()
	time.Sleep(time.Minute)
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	assigned := make(map[string]map[string][]int32)
	for at, name := range c.owner {
		if assigned[name] == nil {
			assigned[name] = make(map[string][]int32)
		}
		assigned[name][at.topic] = append(assigned[name][at.topic], at.partition)
	}
	tasks := make(map[string][]task.ID)
	seen := make(map[task.ID]string)
	for name, partitions := range assigned {
		for id, topics := range tasksOf(g, plan, partitions) {
			if want := g.SubTopologies[id.SubTopology].Sources; !slices.Equal(topics, want) {
				c.t.Errorf("%s has %v of task %v, want %v", name, topics, id, want)
			}
			if seen[id] != "" {
				c.t.Errorf("task %v is with %s and %s", id, name, seen[id])
			}
			seen[id] = name
			tasks[name] = append(tasks[name], id)
		}
		slices.SortFunc(tasks[name], func(a, b task.ID) int { return strings.Compare(a.String(), b.String()) })
	}
	for sub, n := range plan.Tasks {
		for p := range n {
			if id := (task.ID{SubTopology: sub, Partition: p}); seen[id] == "" {
				c.t.Errorf("nobody has task %v", id)
			}
		}
	}
	return tasks
}

func sizes(tasks map[string][]task.ID) []int {
	var n []int
	for _, ids := range tasks {
		n = append(n, len(ids))
	}
	slices.Sort(n)
	return n
}

func contains(all, some []task.ID) bool {
	return !slices.ContainsFunc(some, func(id task.ID) bool { return !slices.Contains(all, id) })
}

func seed(topics map[string]int32) []kfake.Opt {
	var opts []kfake.Opt
	for topic, n := range topics {
		opts = append(opts, kfake.SeedTopics(n, topic))
	}
	return opts
}

func newJoined(t *testing.T) (*graph.Topology, *graph.Plan, *crowd) {
	t.Helper()
	b := newBroker(t, seed(joinedTopics)...)
	g := joined(t)
	plan, err := prepareTopics(t.Context(), b.admin(t), g, quietTopics)
	if err != nil {
		t.Fatal(err)
	}
	return g, plan, newCrowd(t, b)
}

func TestGroupSharesTasks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, plan, c := newJoined(t)
		if want := []int32{5, 5, 3}; !slices.Equal(plan.Tasks, want) {
			t.Fatalf("tasks %v, want %v", plan.Tasks, want)
		}
		c.join("a", g, plan)
		one := c.settle(g, plan)
		if len(one["a"]) != 13 {
			t.Fatalf("one member has %v", one)
		}
		b := c.join("b", g, plan)
		two := c.settle(g, plan)
		if want := []int{6, 7}; !slices.Equal(sizes(two), want) {
			t.Fatalf("two members have %v, want %v", two, want)
		}
		c.join("c", g, plan)
		three := c.settle(g, plan)
		if want := []int{4, 4, 5}; !slices.Equal(sizes(three), want) {
			t.Fatalf("three members have %v, want %v", three, want)
		}
		for _, name := range []string{"a", "b"} {
			if !contains(two[name], three[name]) {
				t.Errorf("%s got tasks when a third member came: %v, then %v", name, two[name], three[name])
			}
		}
		b.stop()
		rest := c.settle(g, plan)
		if want := []int{6, 7}; !slices.Equal(sizes(rest), want) || rest["b"] != nil {
			t.Fatalf("after b left: %v, want %v", rest, want)
		}
		for _, name := range []string{"a", "c"} {
			if !contains(rest[name], three[name]) {
				t.Errorf("%s lost tasks when another member left: %v, then %v", name, three[name], rest[name])
			}
		}
	})
}

// The fake coordinator rebalances then, unlike Kafka's, so that who has one task more may change.
func TestRestartOfAStaticMemberTakesNothingFromOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, plan, c := newJoined(t)
		c.join("static-a", g, plan)
		first := c.join("static-b", g, plan)
		before := c.settle(g, plan)
		lost := c.tookOff["static-a"]
		first.stop()
		second := c.join("static-b", g, plan)
		after := c.settle(g, plan)
		if !contains(after["static-a"], before["static-a"]) || !slices.Equal(sizes(after), sizes(before)) {
			t.Errorf("had %v, after a restart %v", before, after)
		}
		if got := c.tookOff["static-a"]; got != lost {
			t.Errorf("a restart of another member took %d partitions from static-a", got-lost)
		}
		if second.balancer.Outdated() {
			t.Error("the assignment is called outdated, but the topology is the same")
		}
	})
}

// A static member that comes back with another topology may get the assignment of the old one (hard point 12).
func TestChangedTopologyIsNoticed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, plan, c := newJoined(t)
		leader := c.join("static-a", g, plan)
		c.settle(g, plan)
		follower := c.join("static-b", g, plan)
		c.settle(g, plan)

		b := topology.NewBuilder("app")
		b.Stream("clicks", serde.String, serde.String).Filter(func(_, _ string) bool { return true }).To("clicks-copy")
		changed := build(t, b)
		plan = planOn(t, changed, joinedTopics)
		follower.stop()
		follower = c.join("static-b", changed, plan)
		time.Sleep(time.Minute)
		if !follower.balancer.Outdated() {
			t.Error("the assignment that the old leader made is not called outdated")
		}
		leader.stop()
		leader = c.join("static-a", changed, plan)
		time.Sleep(time.Minute)
		leader.ForceRebalance()
		tasks := c.settle(changed, plan)
		if leader.balancer.Outdated() || follower.balancer.Outdated() {
			t.Error("the new assignment is called outdated")
		}
		if want := []int{1, 2}; !slices.Equal(sizes(tasks), want) {
			t.Errorf("tasks %v, want %v", tasks, want)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for at := range c.owner {
			if at.topic != "clicks" {
				t.Errorf("%v is still assigned", at)
			}
		}
	})
}

func TestMorePartitionsAreAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g, plan, c := newJoined(t)
		m := c.join("a", g, plan)
		c.settle(g, plan)
		if _, err := kadm.NewClient(m.Client).UpdatePartitions(t.Context(), 6, "orders"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute) // metadata is refreshed now and then
		c.mu.Lock()
		defer c.mu.Unlock()
		var grew *partitionsGrewError
		if !errors.As(c.errs["a"], &grew) || !strings.Contains(grew.Error(), `topic "orders" has 6 partitions, but had 5`) {
			t.Errorf("error %v", c.errs["a"])
		}
	})
}

// What a coordinator that does not rebalance gives to a member with a changed topology.
func TestAssignmentOfAnotherTopology(t *testing.T) {
	g := joined(t)
	old := newBalancer("app", g, planOn(t, g, joinedTopics))
	m := kmsg.NewConsumerMemberMetadata()
	m.Version = 3
	c, err := kgo.NewConsumerBalancer(old, []kmsg.JoinGroupResponseMember{{MemberID: "x", ProtocolMetadata: m.AppendTo(nil)}})
	if err != nil {
		t.Fatal(err)
	}
	all := old.Balance(c, joinedTopics).IntoSyncAssignment()[0].MemberAssignment

	b := topology.NewBuilder("app")
	b.Stream("clicks", serde.String, serde.String).To("clicks-copy")
	changed := build(t, b)
	for _, tt := range []struct {
		name     string
		balancer *balancer
		assigned map[string][]int32
		outdated bool
	}{
		{"same", newBalancer("app", g, old.plan), map[string][]int32{
			"app-by-value-repartition": {0, 1, 2, 3, 4}, "clicks": {0, 1, 2}, "customers": {0, 1, 2, 3, 4}, "orders": {0, 1, 2, 3, 4},
		}, false},
		{"smaller", newBalancer("app", changed, planOn(t, changed, joinedTopics)), map[string][]int32{"clicks": {0, 1, 2}}, true},
		{"fewer partitions", newBalancer("app", changed, planOn(t, changed, map[string]int32{"clicks": 2, "clicks-copy": 1})),
			map[string][]int32{"clicks": {0, 1}}, true},
	} {
		assigned, err := tt.balancer.ParseSyncAssignment(all)
		if err != nil || !maps.EqualFunc(assigned, tt.assigned, slices.Equal) || tt.balancer.Outdated() != tt.outdated {
			t.Errorf("%s: %v, outdated %v, %v; want %v, %v", tt.name, assigned, tt.balancer.Outdated(), err, tt.assigned, tt.outdated)
		}
	}
	if _, err := old.ParseSyncAssignment([]byte{0}); err == nil || !strings.Contains(err.Error(), `group "app"`) {
		t.Errorf("error %v", err)
	}
}

// A member that missed a rebalance claims what another one has by now (KIP-792).
func TestStaleClaimsAreIgnored(t *testing.T) {
	g := joined(t)
	b := newBalancer("app", g, planOn(t, g, joinedTopics))
	claim := func(id string, generation int32, partitions ...int32) kmsg.JoinGroupResponseMember {
		return kmsg.JoinGroupResponseMember{MemberID: id,
			ProtocolMetadata: b.JoinGroupMetadata([]string{"clicks"}, map[string][]int32{"clicks": partitions}, generation)}
	}
	c, err := kgo.NewConsumerBalancer(b, []kmsg.JoinGroupResponseMember{claim("a", 3, 0, 1), claim("b", 5, 1, 2)})
	if err != nil {
		t.Fatal(err)
	}
	members, _ := b.members(c)
	if len(members[0].Owned) != 1 || members[0].Owned[0].Partition != 0 || len(members[1].Owned) != 2 {
		t.Errorf("members %v", members)
	}
}

func TestUserdata(t *testing.T) {
	g := joined(t)
	b := newBalancer("app", g, planOn(t, g, joinedTopics))
	hashes, ok := parseUserdata(b.userdata())
	if !ok || len(hashes) != 3 || hashes[1] != g.SubTopologies[1].Hash {
		t.Errorf("hashes %x %v", hashes, ok)
	}
	for _, data := range [][]byte{nil, {2}, {2, 0, 0, 0, 0, 0, 0, 0, 1}, {1, 0, 0}} {
		if _, ok := parseUserdata(data); ok {
			t.Errorf("%x was read", data)
		}
	}
	// A group with members whose metadata is of a later version, or has none, is balanced all the same.
	for _, data := range [][]byte{nil, {9, 9}} {
		m := kmsg.NewConsumerMemberMetadata()
		m.Version, m.Topics, m.UserData = 3, []string{"orders"}, data
		if _, _, err := b.MemberBalancer([]kmsg.JoinGroupResponseMember{{MemberID: "x", ProtocolMetadata: m.AppendTo(nil)}}); err != nil {
			t.Errorf("userdata %x: %v", data, err)
		}
	}
}
