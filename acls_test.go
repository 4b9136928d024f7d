package rivusio

import (
	"encoding/json/v2"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/engine"
)

func TestACLs(t *testing.T) {
	const want = `# input
kafka-acls.sh --bootstrap-server 'localhost:9092' --add --allow-principal 'User:double' --operation Read --topic 'numbers' --resource-pattern-type literal
# output
kafka-acls.sh --bootstrap-server 'localhost:9092' --add --allow-principal 'User:double' --operation Write --topic 'doubles' --resource-pattern-type literal
# consumer group
kafka-acls.sh --bootstrap-server 'localhost:9092' --add --allow-principal 'User:double' --operation Read --group 'double' --resource-pattern-type literal
# transactions of every process
kafka-acls.sh --bootstrap-server 'localhost:9092' --add --allow-principal 'User:double' --operation Write --transactional-id 'double-' --resource-pattern-type prefixed
`
	if r := command(t.Context(), []Constructor{double}, "acls"); r.code != ExitOK || r.out != want {
		t.Errorf("got %+v, want\n%s", r, want)
	}

	r := command(t.Context(), []Constructor{counted}, "acls", "--format", "json", "--principal", "User:it's", "--guarantee", "at-least-once", "--checks")
	var got struct {
		Principal string         `json:"principal"`
		Rights    []engine.Right `json:"rights"`
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || got.Principal != "User:it's" {
		t.Fatalf("got %+v, %v", r, err)
	}
	topology, err := counted()
	if err != nil {
		t.Fatal(err)
	}
	all := append(engine.Rights(topology, engine.Config{Guarantee: engine.AtLeastOnce}), engine.AdvisedRights(topology)...)
	if len(got.Rights) != len(all) || got.Rights[len(all)-1] != all[len(all)-1] || all[len(all)-1].Operation != engine.DescribeConfigs {
		t.Errorf("got %v, want %v", got.Rights, all)
	}

	r = command(t.Context(), []Constructor{counted}, "acls", "--principal", "User:it's", "--checks")
	for _, text := range []string{`--allow-principal 'User:it'\''s'`, `--operation DescribeConfigs --topic 'counted-counts-changelog'`,
		`--operation Read --operation Write --operation Create --topic 'counted-counts-changelog'`} {
		if !strings.Contains(r.out, text) {
			t.Errorf("no %s in %s", text, r.out)
		}
	}
	expect(t, command(t.Context(), []Constructor{double}, "acls", "--format", "xml"), ExitUsage, `processor: --format: "xml" is not one of kafka-acls, json`)
}
