package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Facts is what the brokers have of topics.
type Facts struct {
	Partitions  map[string]int32 // of all topics that this client may see
	RetentionMs map[string]int64 // of the changelogs of an application that say so; -1: no limit
}

// TopicFacts asks the brokers for their topics, and for the retention of the changelogs of an application. What it may not see of
// those is left out.
func TopicFacts(ctx context.Context, c Config, application string) (*Facts, error) {
	f := &Facts{Partitions: make(map[string]int32), RetentionMs: make(map[string]int64)}
	err := c.withAdmin(ctx, func(adm *kadm.Client) error {
		details, err := adm.ListTopics(ctx)
		if err != nil {
			return fmt.Errorf("engine: read metadata of all topics: %w", err)
		}
		var changelogs []string
		for _, d := range details.Sorted() {
			if d.Err != nil {
				return fmt.Errorf("engine: read metadata of topic %q: %w", d.Topic, d.Err)
			}
			f.Partitions[d.Topic] = int32(len(d.Partitions))
			if strings.HasPrefix(d.Topic, application+"-") && strings.HasSuffix(d.Topic, "-changelog") {
				changelogs = append(changelogs, d.Topic)
			}
		}
		found := &topicsFound{settings: make(map[string]map[string]string), unchecked: make(map[string]error)}
		if len(changelogs) > 0 {
			if err := found.readSettings(ctx, adm, changelogs); err != nil {
				return fmt.Errorf("engine: %w", err)
			}
		}
		for topic, settings := range found.settings {
			if ms, err := strconv.ParseInt(settings[retentionMs], 10, 64); err == nil {
				f.RetentionMs[topic] = ms
			}
		}
		return nil
	})
	return f, err
}
