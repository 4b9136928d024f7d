package engine

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/rivusio/rivusio/internal/assign"
	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/internal/task"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// balancer is the group protocol of the workers: Kafka's consumer protocol, cooperative, with whole tasks instead of
// partitions. Partition p of all topics that a sub-topology reads goes to one member, and tasks stay where they are as far
// as an even spread allows (package assign). A task that moves does so in two rebalances, so that its new owner starts
// after the former one has committed and let go.
//
// A balancer belongs to one client.
type balancer struct {
	app     string
	g       *graph.Topology
	plan    *graph.Plan
	readers map[string]*graph.SubTopology // by topic
	// outdated: the assignment at hand was made for another topology.
	outdated atomic.Bool
}

func newBalancer(app string, g *graph.Topology, plan *graph.Plan) *balancer {
	b := &balancer{app: app, g: g, plan: plan, readers: make(map[string]*graph.SubTopology)}
	for _, sub := range g.SubTopologies {
		for _, topic := range plan.Sources[sub.ID] {
			b.readers[topic] = sub
		}
	}
	return b
}

// tasksOf groups assigned partitions by task, each with its topics in the order of the sub-topology's sources.
func tasksOf(g *graph.Topology, plan *graph.Plan, assigned map[string][]int32) map[task.ID][]string {
	tasks := make(map[task.ID][]string)
	for _, sub := range g.SubTopologies {
		for _, topic := range plan.Sources[sub.ID] {
			for _, p := range assigned[topic] {
				if p < plan.Partitions[topic] {
					id := task.ID{SubTopology: sub.ID, Partition: p}
					tasks[id] = append(tasks[id], topic)
				}
			}
		}
	}
	return tasks
}

// Outdated reports whether the last assignment was made for another topology than this one. That is so when a static
// member comes back with a changed topology, because its group does not rebalance then. If the member leads the group, a
// rejoin that its worker forces (kgo.Client.ForceRebalance) mends that; a member that follows waits for the leader to be
// of its topology.
func (b *balancer) Outdated() bool { return b.outdated.Load() }

// ProtocolName implements kgo.GroupBalancer.
func (b *balancer) ProtocolName() string { return "rivusio" }

// IsCooperative implements kgo.GroupBalancer.
func (b *balancer) IsCooperative() bool { return true }

// JoinGroupMetadata implements kgo.GroupBalancer.
func (b *balancer) JoinGroupMetadata(topics []string, owned map[string][]int32, generation int32) []byte {
	m := kmsg.NewConsumerMemberMetadata()
	m.Version = 3
	m.Topics = topics
	m.Generation = generation
	for topic, partitions := range owned {
		o := kmsg.NewConsumerMemberMetadataOwnedPartition()
		o.Topic, o.Partitions = topic, partitions
		m.OwnedPartitions = append(m.OwnedPartitions, o)
	}
	slices.SortFunc(m.OwnedPartitions, func(x, y kmsg.ConsumerMemberMetadataOwnedPartition) int {
		return strings.Compare(x.Topic, y.Topic)
	})
	m.UserData = b.userdata()
	return m.AppendTo(nil)
}

// ParseSyncAssignment implements kgo.GroupBalancer. Partitions that this topology does not read are left out.
func (b *balancer) ParseSyncAssignment(encoded []byte) (map[string][]int32, error) {
	var a kmsg.ConsumerMemberAssignment
	if err := a.ReadFrom(encoded); err != nil {
		return nil, fmt.Errorf("group %q: assignment of this member: %w", b.app, err)
	}
	hashes, _ := parseUserdata(a.UserData)
	outdated := len(a.UserData) > 0 && !slices.Equal(hashes, b.hashes())
	assigned := make(map[string][]int32, len(a.Topics))
	for _, t := range a.Topics {
		ours := slices.DeleteFunc(t.Partitions, func(p int32) bool { return b.readers[t.Topic] == nil || p >= b.plan.Partitions[t.Topic] })
		outdated = outdated || len(ours) < len(t.Partitions)
		if len(ours) > 0 {
			assigned[t.Topic] = ours
		}
	}
	b.outdated.Store(outdated)
	return assigned, nil
}

// MemberBalancer implements kgo.GroupBalancer.
func (b *balancer) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	c, err := kgo.NewConsumerBalancer(b, members)
	if err != nil {
		return nil, nil, fmt.Errorf("group %q: %w", b.app, err)
	}
	return c, c.MemberTopics(), nil
}

// Balance implements kgo.ConsumerBalancerBalance.
func (b *balancer) Balance(c *kgo.ConsumerBalancer, partitions map[string]int32) kgo.IntoSyncAssignment {
	for _, sub := range b.g.SubTopologies {
		for _, topic := range b.plan.Sources[sub.ID] {
			if n := partitions[topic]; n > b.plan.Partitions[topic] {
				c.SetError(&partitionsGrewError{topic: topic, expected: b.plan.Partitions[topic], found: n})
				return nil
			}
		}
	}
	members, byID := b.members(c)
	plan := c.NewPlan()
	for name, ids := range assign.Assign(members, b.tasks()) {
		for _, id := range ids {
			for _, topic := range b.plan.Sources[id.SubTopology] {
				if id.Partition < b.plan.Partitions[topic] {
					plan.AddPartition(byID[name], topic, id.Partition)
				}
			}
		}
	}
	plan.AdjustCooperative(c)
	return &assignment{plan, b.userdata()}
}

// partitionsGrewError says that a topic got partitions after the topology was planned. They would never be read.
type partitionsGrewError struct {
	topic           string
	expected, found int32
}

func (e *partitionsGrewError) Error() string {
	return fmt.Sprintf("topic %q has %d partitions, but had %d when this process started: a restart takes the new ones in if the topology allows it",
		e.topic, e.found, e.expected)
}

func (b *balancer) tasks() []assign.Task {
	var tasks []assign.Task
	for i, sub := range b.g.SubTopologies {
		for p := range b.plan.Tasks[i] {
			tasks = append(tasks, assign.Task{ID: assign.ID{SubTopology: i, Partition: p}, Stateful: len(sub.Stores) > 0})
		}
	}
	return tasks
}

// members are those of the group with the tasks that they run. Static members are known by their instance, so that a
// restart changes nothing.
func (b *balancer) members(c *kgo.ConsumerBalancer) ([]assign.Member, map[string]*kmsg.JoinGroupResponseMember) {
	var (
		members []assign.Member
		byID    = make(map[string]*kmsg.JoinGroupResponseMember)
		newest  = make(map[topicPartition]int32)
	)
	// A member that missed a rebalance may claim what another one has by now: the higher generation is right (KIP-792).
	eachOwned(c, func(_ *kmsg.JoinGroupResponseMember, generation int32, at topicPartition) {
		if known, ok := newest[at]; !ok || generation > known {
			newest[at] = generation
		}
	})
	owned := make(map[*kmsg.JoinGroupResponseMember][]assign.ID)
	eachOwned(c, func(m *kmsg.JoinGroupResponseMember, generation int32, at topicPartition) {
		if sub := b.readers[at.topic]; sub != nil && newest[at] == generation {
			owned[m] = append(owned[m], assign.ID{SubTopology: sub.ID, Partition: at.partition})
		}
	})
	c.EachMember(func(m *kmsg.JoinGroupResponseMember, _ *kmsg.ConsumerMemberMetadata) {
		id := "member " + m.MemberID
		if m.InstanceID != nil {
			id = "instance " + *m.InstanceID
		}
		byID[id] = m
		members = append(members, assign.Member{ID: id, Owned: owned[m]})
	})
	return members, byID
}

func eachOwned(c *kgo.ConsumerBalancer, f func(m *kmsg.JoinGroupResponseMember, generation int32, at topicPartition)) {
	c.EachMember(func(m *kmsg.JoinGroupResponseMember, meta *kmsg.ConsumerMemberMetadata) {
		for _, o := range meta.OwnedPartitions {
			for _, p := range o.Partitions {
				f(m, meta.Generation, topicPartition{o.Topic, p})
			}
		}
	})
}

// assignment is a plan whose parts carry what topology they were made for.
type assignment struct {
	plan     *kgo.BalancePlan
	userdata []byte
}

// IntoSyncAssignment implements kgo.IntoSyncAssignment.
func (a *assignment) IntoSyncAssignment() []kmsg.SyncGroupRequestGroupAssignment {
	parts := a.plan.IntoSyncAssignment()
	for i := range parts {
		var m kmsg.ConsumerMemberAssignment
		if err := m.ReadFrom(parts[i].MemberAssignment); err != nil {
			continue // it was encoded a moment ago
		}
		m.UserData = a.userdata
		parts[i].MemberAssignment = m.AppendTo(nil)
	}
	return parts
}

// userdataVersion begins the userdata of members and assignments.
const userdataVersion = 1

// userdata is the version (1 byte) and the hash of each sub-topology (8 bytes each, big-endian).
func (b *balancer) userdata() []byte {
	data := []byte{userdataVersion}
	for _, h := range b.hashes() {
		data = binary.BigEndian.AppendUint64(data, h)
	}
	return data
}

// parseUserdata gives the hashes of userdata; ok is false if a later version wrote it.
func parseUserdata(data []byte) (hashes []uint64, ok bool) {
	if len(data) == 0 || data[0] != userdataVersion {
		return nil, false
	}
	for data = data[1:]; len(data) >= 8; data = data[8:] {
		hashes = append(hashes, binary.BigEndian.Uint64(data))
	}
	return hashes, len(data) == 0
}

func (b *balancer) hashes() []uint64 {
	hashes := make([]uint64, len(b.g.SubTopologies))
	for i, sub := range b.g.SubTopologies {
		hashes[i] = b.plan.Hash(sub)
	}
	return hashes
}
