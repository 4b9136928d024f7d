package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var quietTopics = topicOptions{Create: true, Log: slog.New(slog.DiscardHandler)}

// windowed has one of each internal topic: a repartition topic, a changelog of rows, a changelog of windows kept for an
// hour.
func windowed(t *testing.T) *topology.Topology {
	b := topology.NewBuilder("app")
	grouped := b.Stream("lines", serde.String, serde.String).
		GroupBy(func(_, v string) string { return v }, topology.Named("words"))
	grouped.Count("totals").ToStream().To("all-time")
	grouped.Windowed(windows.Tumbling(time.Minute)).
		Count("recent", topology.Retention(time.Hour)).
		ToStream(windows.Key).To("per-minute")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return topo
}

var windowedTopics = map[string]int32{"lines": 3, "all-time": 1, "per-minute": 2}

const day = 86_400_000

// windowedSettings is what the internal topics have to be like.
var windowedSettings = map[string]map[string]string{
	"app-words-repartition": {
		"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1", "message.timestamp.type": "CreateTime",
		"segment.bytes": "52428800",
	},
	"app-totals-changelog": {"cleanup.policy": "compact", "delete.retention.ms": fmt.Sprint(7 * day)},
	"app-recent-changelog": {
		"cleanup.policy": "compact,delete", "delete.retention.ms": fmt.Sprint(7 * day),
		"message.timestamp.type": "LogAppendTime", "retention.ms": fmt.Sprint(day + 3_600_000), "retention.bytes": "-1",
	},
}

func settingsOn(t *testing.T, adm *kadm.Client, topic string) map[string]string {
	t.Helper()
	configs, err := adm.DescribeTopicConfigs(t.Context(), topic)
	if err != nil || len(configs) != 1 || configs[0].Err != nil {
		t.Fatalf("settings of %s: %v %v", topic, configs, err)
	}
	settings := make(map[string]string)
	for _, c := range configs[0].Configs {
		settings[c.Key] = c.MaybeValue()
	}
	return settings
}

func TestInternalTopicsAreMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, seed(windowedTopics)...)
		g := windowed(t).Graph()
		var group sync.WaitGroup
		for range 3 {
			adm := b.admin(t)
			group.Go(func() {
				plan, err := prepareTopics(t.Context(), adm, g, quietTopics)
				if err != nil {
					t.Error(err)
					return
				}
				if plan.Partitions["app-words-repartition"] != 3 || plan.Tasks[1] != 3 {
					t.Errorf("plan %+v", plan)
				}
			})
		}
		group.Wait()
		adm := b.admin(t)
		for topic, want := range windowedSettings {
			found := settingsOn(t, adm, topic)
			for name, value := range want {
				if found[name] != value {
					t.Errorf("%s: %s is %q, want %q", topic, name, found[name], value)
				}
			}
			if info := b.PartitionInfos(topic); len(info) != 3 {
				t.Errorf("%s: %+v", topic, info)
			}
		}
	})
}

// alter is a topic that somebody made differently.
type alter struct {
	topic      string
	partitions int32 // 0: as it should be
	settings   map[string]string
}

func (a alter) make(t *testing.T, adm *kadm.Client) {
	t.Helper()
	settings := make(map[string]*string)
	for name, value := range windowedSettings[a.topic] {
		settings[name] = &value
	}
	for name, value := range a.settings {
		settings[name] = &value
		if value == "" {
			delete(settings, name)
		}
	}
	n := a.partitions
	if n == 0 {
		n = 3
	}
	if _, err := adm.CreateTopic(t.Context(), n, 1, settings, a.topic); err != nil {
		t.Fatal(err)
	}
}

func TestTopicsThatWouldLoseData(t *testing.T) {
	const repartition, rows, recent = "app-words-repartition", "app-totals-changelog", "app-recent-changelog"
	for _, tt := range []struct {
		alter
		want string
	}{
		{alter{repartition, 4, nil}, "repartition topic %q: it has 4 partitions, expected 3"},
		{alter{rows, 2, nil}, "changelog topic %q: it has 2 partitions, expected 3"},
		{alter{repartition, 0, map[string]string{"cleanup.policy": "compact"}},
			"repartition topic %q: cleanup.policy is compact, expected delete: records would be compacted away before they are processed"},
		{alter{repartition, 0, map[string]string{"cleanup.policy": "delete,compact"}},
			"repartition topic %q: cleanup.policy is delete,compact, expected delete: records would be compacted away"},
		{alter{repartition, 0, map[string]string{"retention.ms": "604800000"}},
			"repartition topic %q: retention.ms is 604800000, expected -1: records would be lost"},
		{alter{repartition, 0, map[string]string{"retention.bytes": "1000000"}},
			"repartition topic %q: retention.bytes is 1000000, expected -1: records would be lost"},
		{alter{repartition, 0, map[string]string{"message.timestamp.type": "LogAppendTime"}},
			"repartition topic %q: message.timestamp.type is LogAppendTime, expected CreateTime: the times of records would be lost"},
		{alter{rows, 0, map[string]string{"cleanup.policy": ""}},
			"changelog topic %q: cleanup.policy is delete, expected compact: rows that do not change would be lost"},
		{alter{rows, 0, map[string]string{"cleanup.policy": "compact,delete"}},
			"changelog topic %q: cleanup.policy is compact,delete, expected compact: rows that do not change would be lost"},
		{alter{rows, 0, map[string]string{"delete.retention.ms": ""}},
			"changelog topic %q: delete.retention.ms is 86400000, expected 604800000: deleted rows could come back"},
		{alter{recent, 0, map[string]string{"message.timestamp.type": ""}},
			"changelog topic %q: message.timestamp.type is CreateTime, expected LogAppendTime: windows of old event times would be lost"},
		{alter{recent, 0, map[string]string{"retention.ms": "86400000"}},
			"changelog topic %q: retention.ms is 86400000, expected 90000000: records would be lost"},
	} {
		t.Run(fmt.Sprint(tt.topic, tt.partitions, tt.settings), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t, seed(windowedTopics)...)
				adm := b.admin(t)
				tt.make(t, adm)
				_, err := prepareTopics(t.Context(), adm, windowed(t).Graph(), quietTopics)
				want := fmt.Sprintf(tt.want, tt.topic)
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("error %v, want %s", err, want)
				}
				if b.TopicInfo(repartition) != nil && tt.topic != repartition {
					t.Error("topics were made although the topology cannot run")
				}
			})
		})
	}
}

func TestHarmlessDifferencesAreLogged(t *testing.T) {
	for _, tt := range []struct {
		alter
		want string // "": nothing is worth a line
	}{
		{alter{"app-words-repartition", 0, map[string]string{"segment.bytes": "1000000"}}, "segment.bytes is 1000000, expected 52428800"},
		{alter{"app-recent-changelog", 0, map[string]string{"cleanup.policy": "delete, compact"}}, ""},
		{alter{"app-recent-changelog", 0, map[string]string{"cleanup.policy": "compact"}}, "cleanup.policy is compact, expected compact,delete"},
		{alter{"app-recent-changelog", 0, map[string]string{"cleanup.policy": "compact", "message.timestamp.type": "CreateTime"}},
			"message.timestamp.type is CreateTime, expected LogAppendTime"},
		{alter{"app-recent-changelog", 0, map[string]string{"retention.ms": "-1"}}, "retention.ms is -1, expected 90000000"},
		{alter{"app-totals-changelog", 0, map[string]string{"delete.retention.ms": "700000000"}}, "delete.retention.ms is 700000000, expected 604800000"},
		{alter{"app-totals-changelog", 0, map[string]string{"retention.ms": "1000"}}, ""},
	} {
		t.Run(fmt.Sprint(tt.topic, tt.settings), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t, seed(windowedTopics)...)
				adm := b.admin(t)
				tt.make(t, adm)
				var log bytes.Buffer
				o := topicOptions{Create: true, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))}
				if _, err := prepareTopics(t.Context(), adm, windowed(t).Graph(), o); err != nil {
					t.Fatal(err)
				}
				if tt.want == "" && log.Len() > 0 || !strings.Contains(log.String(), tt.want) || tt.want != "" && !strings.Contains(log.String(), "topic="+tt.topic) {
					t.Errorf("logged %q, want %q", log.String(), tt.want)
				}
			})
		})
	}
}

func TestTopicsThatAreNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, kfake.SeedTopics(1, "all-time"))
		adm := b.admin(t)
		g := windowed(t).Graph()
		_, err := prepareTopics(t.Context(), adm, g, quietTopics)
		for _, want := range []string{`input topic "lines" of "source-0" does not exist`, `output topic "per-minute"`} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		}
		if _, err := adm.CreateTopics(t.Context(), 2, 1, nil, "lines", "per-minute"); err != nil {
			t.Fatal(err)
		}
		_, err = prepareTopics(t.Context(), adm, g, topicOptions{Log: quietTopics.Log})
		want := `changelog topic "app-totals-changelog" does not exist and is not to be made: it needs 2 partitions and cleanup.policy=compact delete.retention.ms=604800000`
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
		_, err = prepareTopics(t.Context(), adm, g, topicOptions{Create: true, ReplicationFactor: 5, Log: quietTopics.Log})
		if !errors.Is(err, kerr.InvalidReplicationFactor) || !strings.Contains(err.Error(), `make changelog topic "app-recent-changelog" with 2 partitions and replication factor 5`) {
			t.Errorf("error %v", err)
		}
	})
}

func TestJoinOfTopicsWithDifferentCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, seed(map[string]int32{"customers": 4, "orders": 5, "totals": 1, "clicks": 3, "clicks-copy": 1})...)
		_, err := prepareTopics(t.Context(), b.admin(t), joined(t), quietTopics)
		if err == nil || !strings.Contains(err.Error(), `"customers" has 4`) || !strings.Contains(err.Error(), `"orders" has 5`) {
			t.Errorf("error %v", err)
		}
	})
}

// Brokers may be slow: a controller that moves, a topic that is not known everywhere yet, a leader that is being elected.
func TestTopicsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, seed(windowedTopics)...)
		adm := b.admin(t)
		b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "lines", Err: kerr.LeaderNotAvailable, Count: 3})
		b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Topic: "app-recent-changelog", Err: kerr.RequestTimedOut, Count: 1})
		b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Topic: "app-totals-changelog", Err: kerr.ThrottlingQuotaExceeded, Count: 2})
		if _, err := prepareTopics(t.Context(), adm, windowed(t).Graph(), quietTopics); err != nil {
			t.Fatal(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, seed(windowedTopics)...)
		adm := b.admin(t)
		b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Topic: "app-totals-changelog", Err: kerr.ThrottlingQuotaExceeded, Count: -1})
		start := time.Now()
		_, err := prepareTopics(t.Context(), adm, windowed(t).Graph(), quietTopics)
		if !errors.Is(err, kerr.ThrottlingQuotaExceeded) || !strings.Contains(err.Error(), `topic "app-totals-changelog" is not there after 30s`) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took > 2*topicsTimeout {
			t.Errorf("gave up after %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := prepareTopics(ctx, adm, windowed(t).Graph(), quietTopics); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v after the context ended", err)
		}
	})
}

// Without the right to read settings they are not checked, and that is said.
func TestSettingsThatMayNotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, seed(windowedTopics)...)
		adm := b.admin(t)
		g := windowed(t).Graph()
		if _, err := prepareTopics(t.Context(), adm, g, quietTopics); err != nil {
			t.Fatal(err)
		}
		b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Resource: "app-totals-changelog", Err: kerr.TopicAuthorizationFailed, Count: -1})
		var log bytes.Buffer
		if _, err := prepareTopics(t.Context(), adm, g, topicOptions{Log: slog.New(slog.NewTextHandler(&log, nil))}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), "app-totals-changelog") || !strings.Contains(log.String(), "not checked") {
			t.Errorf("logged %q", log.String())
		}
	})
}

func planText(plans []TopicPlan) string {
	var text strings.Builder
	for _, p := range plans {
		fmt.Fprintf(&text, "%s %s exists=%v partitions=%d problems=%v remarks=%v\n", p.Kind, p.Name, p.Exists, p.Partitions, p.Problems, p.Remarks)
	}
	return text.String()
}

func TestPlanAndCreateTopics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t, kfake.SeedTopics(1, "per-minute"))
		c := Config{Brokers: b.ListenAddrs(), Dialer: b.network.DialContext, Logger: quietTopics.Log}
		topo := windowed(t)
		check := func(plans []TopicPlan, want string) {
			t.Helper()
			if got := planText(plans); got != strings.ReplaceAll(want[1:], "\t", "") {
				t.Errorf("plan\n%swant%s", got, want)
			}
		}
		plans, err := PlanTopics(t.Context(), topo, c)
		if err == nil || !strings.Contains(err.Error(), `input topic "lines"`) {
			t.Errorf("error %v", err)
		}
		check(plans, `
			input lines exists=false partitions=0 problems=[] remarks=[]
			output all-time exists=false partitions=0 problems=[] remarks=[]
			output per-minute exists=true partitions=1 problems=[] remarks=[]
			`)
		if _, err = CreateTopics(t.Context(), topo, c, 0); err == nil || !strings.Contains(err.Error(), `output topic "all-time"`) {
			t.Errorf("error %v", err)
		}
		alter{topic: "app-words-repartition", settings: map[string]string{"segment.bytes": "1000000"}}.make(t, b.admin(t))
		plans, err = CreateTopics(t.Context(), topo, c, 3)
		if err != nil {
			t.Fatal(err)
		}
		want := `
			input lines exists=true partitions=3 problems=[] remarks=[]
			output all-time exists=true partitions=3 problems=[] remarks=[]
			output per-minute exists=true partitions=1 problems=[] remarks=[]
			changelog app-recent-changelog exists=true partitions=3 problems=[] remarks=[]
			changelog app-totals-changelog exists=true partitions=3 problems=[] remarks=[]
			repartition app-words-repartition exists=true partitions=3 problems=[] remarks=[segment.bytes is 1000000, expected 52428800]
			`
		check(plans, want)
		if plans, err = PlanTopics(t.Context(), topo, c); err != nil {
			t.Fatal(err)
		}
		check(plans, want)
	})
}

func TestTopicsOfATopologyWithoutInternalOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := topology.NewBuilder("app")
		b.Stream("in", serde.String, serde.String).To("in-copy")
		plan, err := prepareTopics(t.Context(), newBroker(t, kfake.SeedTopics(4, "in", "in-copy")).admin(t), build(t, b), quietTopics)
		if err != nil || len(plan.Internal) > 0 || plan.Tasks[0] != 4 {
			t.Errorf("plan %+v, %v", plan, err)
		}
	})
}
