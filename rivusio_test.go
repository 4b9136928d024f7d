package rivusio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// double reads numbers and writes them doubled.
func double() (*topology.Topology, error) {
	b := topology.NewBuilder("double")
	b.Stream("numbers", serde.String, serde.Int64).
		MapValues(func(_ string, n int64) int64 { return 2 * n }).
		To("doubles")
	return b.Build()
}

// joined has two inputs that must have the same number of partitions.
func joined() (*topology.Topology, error) {
	b := topology.NewBuilder("joined")
	names := b.Table("names", "names-by-id", serde.String, serde.String)
	b.Stream("clicks", serde.String, serde.String).
		JoinTable(names, func(_, click, name string) string { return name + click }).
		To("named-clicks")
	return b.Build()
}

// endless has no sink.
func endless() (*topology.Topology, error) {
	b := topology.NewBuilder("endless")
	b.Stream("numbers", serde.String, serde.Int64).Filter(func(string, int64) bool { return true })
	return b.Build()
}

// result is what a command left behind.
type result struct {
	code        int
	out, errors string
}

// command runs a command line on topologies.
func command(ctx context.Context, topologies []Constructor, args ...string) result {
	var out, errors buffer
	root := Command(topologies...)
	root.Use = "processor"
	root.SetOut(&out)
	root.SetErr(&errors)
	root.SetArgs(args)
	code := execute(ctx, root)
	return result{code, out.String(), errors.String()}
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// lastLine is the error line, which comes after all logs.
func (r result) lastLine() string {
	lines := strings.Split(strings.TrimRight(r.errors, "\n"), "\n")
	return lines[len(lines)-1]
}

// broker starts a broker with topics.
func broker(t *testing.T, partitions map[string]int32) (address string) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for topic, n := range partitions {
		if err := c.CreateTopic(topic, n, nil); err != nil {
			t.Fatal(err)
		}
	}
	return c.ListenAddrs()[0]
}

// at gives the flags of a run on a broker.
func at(t *testing.T, broker string) []string {
	return []string{"run", "--brokers", broker, "--state-dir", t.TempDir(), "--linger", "none"}
}

func TestRun(t *testing.T) {
	address := broker(t, map[string]int32{"numbers": 2, "doubles": 2})
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics("doubles"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	value, _ := serde.Int64.Append(nil, 21)
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "numbers", Key: []byte("k"), Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	done := make(chan result, 1)
	ended, end := context.WithCancel(t.Context()) // nothing comes once the command has ended
	go func() {
		done <- command(ctx, []Constructor{double}, at(t, address)...)
		end()
	}()
	fetches := cl.PollFetches(ended)
	if err := fetches.Err(); err != nil {
		stop()
		t.Fatal(err, <-done)
	}
	got, err := serde.Int64.Decode(fetches.Records()[0].Value)
	if err != nil || got != 42 {
		t.Errorf("got %d, %v", got, err)
	}
	stop()
	if r := <-done; r.code != ExitOK || r.out != "" {
		t.Errorf("got %+v", r)
	} else if !strings.Contains(r.errors, `"msg":"stopped"`) {
		t.Errorf("logs are not JSON, or do not tell of the stop:\n%s", r.errors)
	}
}

// The first group of a new cluster has no coordinator for a while; that is no reason to give up.
func TestNewCluster(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "numbers", "doubles"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	unavailable := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}, Err: kerr.CoordinatorNotAvailable, Count: 5})
	ctx, stop := context.WithCancel(t.Context())
	joined := make(chan struct{})
	go func() {
		defer stop()
		if _, err := c.WaitGroupStable(t.Context(), "double", 1); err == nil {
			close(joined)
		}
	}()
	r := command(ctx, []Constructor{double}, at(t, c.ListenAddrs()[0])...)
	select {
	case <-joined:
	default:
		t.Error("the processor has not joined its group")
	}
	if r.code != ExitOK || unavailable.Hits() < 5 {
		t.Errorf("got %+v after %d errors", r, unavailable.Hits())
	}
}

// Each thing that goes wrong at first gives one line that says what and where.
func TestMistakes(t *testing.T) {
	t.Run("broker down", func(t *testing.T) {
		r := command(t.Context(), []Constructor{double}, append(at(t, "127.0.0.1:1"), "--connect-timeout", "300ms")...)
		expect(t, r, ExitFailure, "processor: engine: no answer from brokers 127.0.0.1:1 within 300ms")
	})
	t.Run("input missing", func(t *testing.T) {
		r := command(t.Context(), []Constructor{double}, at(t, broker(t, map[string]int32{"doubles": 1}))...)
		expect(t, r, ExitFailure, `processor: engine: `, `"numbers"`)
	})
	t.Run("wrong partition counts", func(t *testing.T) {
		r := command(t.Context(), []Constructor{joined}, at(t, broker(t, map[string]int32{"names": 3, "clicks": 4, "named-clicks": 1}))...)
		expect(t, r, ExitFailure, `processor: engine: `, `"names"`, `"clicks"`, "3", "4")
	})
	t.Run("unknown key", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "prod.yaml")
		if err := os.WriteFile(file, []byte("commit_intervall: 1s\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := command(t.Context(), []Constructor{double}, "run", "--config", file)
		expect(t, r, ExitUsage, `processor: configuration: prod.yaml:1: unknown key "commit_intervall", did you mean commit_interval?`)
	})
	t.Run("no sink", func(t *testing.T) {
		r := command(t.Context(), []Constructor{endless}, "run")
		expect(t, r, ExitFailure, `processor: topology "endless": it has no sink`)
	})
	t.Run("value that does not decode", func(t *testing.T) {
		address := broker(t, map[string]int32{"numbers": 1, "doubles": 1})
		cl, err := kgo.NewClient(kgo.SeedBrokers(address))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "numbers", Key: []byte("k"), Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		r := command(t.Context(), []Constructor{double}, at(t, address)...)
		expect(t, r, ExitFailure, `processor: `, `topic "numbers", partition 0, offset 0, key "k": decode value: `)
	})
}

func expect(t *testing.T, r result, code int, parts ...string) {
	t.Helper()
	if r.code != code || r.out != "" {
		t.Errorf("exit code %d, want %d; output %q", r.code, code, r.out)
	}
	for _, part := range parts {
		if !strings.Contains(r.lastLine(), part) {
			t.Errorf("no %q in the last line of:\n%s", part, r.errors)
		}
	}
	if !strings.HasPrefix(r.lastLine(), parts[0]) {
		t.Errorf("the last line does not begin with %q:\n%s", parts[0], r.errors)
	}
}

func TestUsage(t *testing.T) {
	both := []Constructor{double, joined}
	twice := []Constructor{double, double}
	none := []Constructor{func() (*topology.Topology, error) { return nil, nil }}
	broken := []Constructor{double, func() (*topology.Topology, error) { return nil, errors.New("no plan") }}
	for _, test := range []struct {
		topologies []Constructor
		args       string
		code       int
		want       string
	}{
		{both, "run", ExitUsage, "processor: which topology? Give --topology NAME, one of double, joined"},
		{both, "run --topology triple", ExitUsage, `processor: there is no topology "triple", but double, joined`},
		{nil, "run", ExitUsage, "processor: the program has no topology"},
		{twice, "run", ExitFailure, `processor: two topologies of the program have the name "double"`},
		{none, "run", ExitFailure, "processor: topology 0 of the program: its constructor returned nil"},
		{broken, "describe --topology double", ExitFailure, "processor: no plan"},
		{both, "walk", ExitUsage, "processor: unknown command \"walk\" for \"processor\"\nSee 'processor --help'."},
		{both, "run --speed 5", ExitUsage, "processor: unknown flag: --speed\nSee 'processor run --help'."},
		{both, "run orders", ExitUsage, `processor: there is no file "orders"; a topology of the program is chosen by --topology orders`},
		{both, "describe --topology double --format svg", ExitUsage, `processor: --format: "svg" is not one of text, dot, mermaid, json`},
		{both, "topics create --topology double --partitions 0", ExitUsage, "processor: --partitions: 0 is less than 1"},
		{both, "config check --workers 0", ExitUsage, "processor: configuration: --workers: workers: 0 is not between 1 and 1024"},
	} {
		r := command(t.Context(), test.topologies, strings.Fields(test.args)...)
		if r.code != test.code || r.out != "" || r.errors != test.want+"\n" {
			t.Errorf("%s: got %+v, want %d and %q", test.args, r, test.code, test.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	for format, want := range map[string]string{
		"text": "Topology: double\n", "dot": `digraph "double" {`, "mermaid": "flowchart LR\n", "json": `{` + "\n" + `  "application": "double"`,
	} {
		r := command(t.Context(), []Constructor{double}, "describe", "--format", format)
		if r.code != ExitOK || r.errors != "" || !strings.HasPrefix(r.out, want) {
			t.Errorf("%s: got %+v", format, r)
		}
	}
}

func TestTopics(t *testing.T) {
	address := broker(t, map[string]int32{"names": 3})
	topics := func(args ...string) result {
		return command(t.Context(), []Constructor{joined}, append([]string{"topics", "--brokers", address, "--log-level", "error"}, args...)...)
	}
	r := topics("plan")
	if r.code != ExitFailure || !strings.Contains(r.errors, `input topic "clicks"`) || !strings.Contains(r.out, "names") {
		t.Errorf("plan with an input missing: got %+v", r)
	}
	r = topics("create", "--partitions", "3")
	if r.code != ExitOK || r.errors != "" {
		t.Errorf("create: got %+v", r)
	}
	r = topics("plan")
	if r.code != ExitOK || r.errors != "" {
		t.Errorf("plan: got %+v", r)
	}
	for _, want := range []string{"clicks", "names", "named-clicks", "joined-names-by-id-changelog"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %s in:\n%s", want, r.out)
		}
	}
	if strings.Contains(r.out, "missing") || strings.Count(r.out, " there ") != 4 {
		t.Errorf("not all are there:\n%s", r.out)
	}
}

func TestConfig(t *testing.T) {
	t.Setenv("RIVUSIO_WORKERS", "2")
	r := command(t.Context(), nil, "config", "--commit-interval", "1s")
	if r.code != ExitOK || r.errors != "" {
		t.Fatalf("got %+v", r)
	}
	for key, want := range map[string]string{"workers": "2 RIVUSIO_WORKERS", "commit_interval": "1s --commit-interval", "brokers": "localhost:9092 default"} {
		found := false
		for line := range strings.Lines(r.out) {
			fields := strings.Fields(line)
			found = found || fields[0] == key && strings.Join(fields[1:], " ") == want
		}
		if !found {
			t.Errorf("no %s with %s in:\n%s", key, want, r.out)
		}
	}
	if r := command(t.Context(), nil, "config", "check"); r.code != ExitOK || r.out != "the configuration is valid\n" {
		t.Errorf("check: got %+v", r)
	}
	if r := command(t.Context(), nil, "config", "reference"); r.code != ExitOK || !strings.HasPrefix(r.out, "# Configuration\n") {
		t.Errorf("reference: got %+v", r)
	}
}

func TestCompletion(t *testing.T) {
	r := command(t.Context(), []Constructor{double, joined}, "__complete", "run", "--topology", "")
	if r.code != ExitOK || !strings.HasPrefix(r.out, "double\njoined\n") {
		t.Errorf("got %+v", r)
	}
	if r := command(t.Context(), nil, "completion", "bash"); r.code != ExitOK || len(r.out) < 1000 {
		t.Errorf("bash: got %d and %d bytes", r.code, len(r.out))
	}
}

func TestVersion(t *testing.T) {
	if r := command(t.Context(), nil, "version"); r.code != ExitOK || !strings.Contains(r.out, "go1.") {
		t.Errorf("got %+v", r)
	}
	info := &debug.BuildInfo{
		GoVersion: "go1.27.1", Main: debug.Module{Path: "example.org/shop", Version: "v0.3.0"},
		Deps:     []*debug.Module{{Path: module, Version: "v1.2.3"}},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}},
	}
	want := "example.org/shop v0.3.0, go1.27.1, revision abc with changes\n" + module + " v1.2.3"
	if got := versionText(info, true); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func ExampleCommand() {
	root := Command(double)
	root.SetOut(os.Stdout)
	root.SetArgs([]string{"describe"})
	if err := root.Execute(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Topology: double
	//   Sub-topology: 0
	//     Source: source-0 (topic: numbers)
	//       --> map-values-1
	//     Operator: map-values-1
	//       --> sink-2
	//     Sink: sink-2 (topic: doubles)
}

// A stop comes through while the engine still waits for brokers that do not answer.
func TestStopBeforeStart(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		if c, err := silent.Accept(); err == nil {
			stop()
			<-t.Context().Done()
			c.Close()
		}
	}()
	if r := command(ctx, []Constructor{double}, at(t, silent.Addr().String())...); r.code != ExitOK {
		t.Errorf("got %+v", r)
	}
}
