//go:build compose

package integration_test

import (
	"context"
	"encoding/binary"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const composeFile = "../deployments/docker-compose.yml"

// stack is what the compose file describes, running.
type stack struct {
	t     *testing.T
	began time.Time
	lines int // written so far
}

// compose runs docker compose.
func (s *stack) compose(args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "docker", append([]string{"compose", "-f", composeFile}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("docker compose %s: %v\n%s\n%s", strings.Join(args, " "), err, out, s.state())
	}
	return string(out)
}

// state is what helps to see why something failed.
func (s *stack) state() string {
	var all strings.Builder
	for _, args := range [][]string{{"ps", "-a"}, {"logs", "--tail", "25", "processor-1", "processor-2", "topics", "kafka"}} {
		out, _ := exec.Command("docker", append([]string{"compose", "-f", composeFile}, args...)...).CombinedOutput()
		all.Write(out)
	}
	return all.String()
}

// step does something and logs how long it took.
func (s *stack) step(name string, f func()) {
	s.t.Helper()
	began := time.Now()
	f()
	s.t.Logf("%-55s %6.1f s", name, time.Since(began).Seconds())
}

// eventually tries until there is no error.
func (s *stack) eventually(patience time.Duration, f func() error) {
	s.t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	s.t.Fatalf("not after %v: %v\n%s", patience, err, s.state())
}

// port is a port of the host, as the compose file publishes it.
func port(variable, standard string) string {
	if p := os.Getenv(variable); p != "" {
		return p
	}
	return standard
}

func (s *stack) client(opts ...kgo.Opt) *kgo.Client {
	s.t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers("localhost:"+port("KAFKA_PORT", "29092")), kgo.MetadataMinAge(50*time.Millisecond))...)
	if err != nil {
		s.t.Fatal(err)
	}
	return cl
}

// words is how many words each line has.
const words = 6

// write writes lines.
func (s *stack) write(lines int) {
	s.t.Helper()
	cl := s.client()
	defer cl.Close()
	var records []*kgo.Record
	if s.lines > 0 { // two that are not counted: one that fails, and one that is too late
		records = append(records, &kgo.Record{Topic: "lines", Key: []byte("null")},
			&kgo.Record{Topic: "lines", Key: []byte("late"), Value: []byte("to be"), Timestamp: time.Now().Add(-50 * time.Hour)})
	}
	for range lines {
		s.lines++
		records = append(records, &kgo.Record{Topic: "lines", Key: []byte(strconv.Itoa(s.lines)), Value: []byte("to be or not to be")})
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		s.t.Fatalf("write: %v\n%s", err, s.state())
	}
}

// counted compares the sum of the latest counts with the words that were written: nothing is missing, and nothing is there twice.
func (s *stack) counted() error {
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	cl := s.client(kgo.ConsumeTopics("word-counts"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords())
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, "word-counts")
	if err != nil {
		return err
	}
	left := make(map[int32]int64)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	latest := make(map[string]int64)
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				latest[string(r.Key)] = number(r.Value)
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	var sum int64
	for _, n := range latest {
		sum += n
	}
	if want := int64(s.lines * words); sum != want {
		return fmt.Errorf("%d words are counted, %d were written", sum, want)
	}
	return nil
}

// number is a count, as text or as eight bytes.
func number(value []byte) int64 {
	if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
		return n
	}
	if len(value) == 8 {
		return int64(binary.BigEndian.Uint64(value))
	}
	return -1
}

// get reads JSON.
func (s *stack) get(address string, into any) error {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %v: %s", address, resp.Status, err, text)
	}
	return json.Unmarshal(text, into)
}

// tasks is how many tasks a processor has.
func (s *stack) tasks(port string) (n int, err error) {
	var answer struct {
		State string `json:"state"`
		Tasks []any  `json:"tasks"`
	}
	err = s.get("http://localhost:"+port+"/tasks", &answer)
	if err == nil && answer.State != "running" {
		err = fmt.Errorf("the processor at port %s is %s", port, answer.State)
	}
	return len(answer.Tasks), err
}

func (s *stack) bothWork() error {
	one, err := s.tasks(port("PROCESSOR_1_PORT", "8687"))
	if err != nil {
		return err
	}
	two, err := s.tasks(port("PROCESSOR_2_PORT", "8688"))
	if err != nil {
		return err
	}
	if one != 4 || two != 4 {
		return fmt.Errorf("the processors have %d and %d tasks, want 4 each", one, two)
	}
	return nil
}

// query asks Prometheus; it is an error if there is no value.
func (s *stack) query(expression string) error {
	var answer struct {
		Data struct {
			Result []any `json:"result"`
		} `json:"data"`
	}
	err := s.get("http://localhost:"+port("PROMETHEUS_PORT", "9090")+"/api/v1/query?query="+url.QueryEscape(expression), &answer)
	if err == nil && len(answer.Data.Result) == 0 {
		err = fmt.Errorf("no value of %s", expression)
	}
	return err
}

// TestCompose is a day in the life of the compose file.
func TestCompose(t *testing.T) {
	s := &stack{t: t, began: time.Now()}
	down := func() {
		_ = exec.Command("docker", "compose", "-f", composeFile, "down", "-v", "--remove-orphans", "-t", "20").Run()
	}
	s.step("nothing is left of an earlier run", down)
	if os.Getenv("KEEP") == "" {
		t.Cleanup(down)
	}
	s.step("the image is built", func() { s.compose("build", "-q") })
	s.step("up --wait", func() { s.compose("up", "--wait", "--wait-timeout", "180") })
	s.step("both processors have their share", func() { s.eventually(time.Minute, s.bothWork) })
	s.step("records are counted", func() {
		for range 2 {
			s.write(100)
			s.eventually(time.Minute, s.counted)
		}
	})
	s.step("the collector receives", func() { s.eventually(time.Minute, s.collected) })
	s.step("Prometheus scrapes both processors", func() {
		s.eventually(time.Minute, func() error { return s.query(`count(up{job="rivusio"} == 1) == 2`) })
	})
	s.step("the rules are taken by promtool and Prometheus", func() {
		s.compose("exec", "-T", "prometheus", "promtool", "check", "rules", "/etc/prometheus/rules.yml")
		s.eventually(time.Minute, s.rulesAreWell)
	})
	s.step("every panel of the dashboard has data", func() { s.eventually(2*time.Minute, s.panelsHaveData) })
	s.step("a processor restarts, others go on", func() {
		s.compose("restart", "-t", "40", "processor-1")
		s.write(200)
		s.eventually(time.Minute, s.counted)
		s.eventually(time.Minute, s.bothWork)
	})
	s.step("a processor is killed and comes back", func() {
		s.compose("kill", "processor-2")
		s.write(200)
		s.compose("start", "processor-2")
		s.eventually(2*time.Minute, s.counted)
		s.eventually(time.Minute, s.bothWork)
	})
	s.step("the broker is killed and comes back", func() {
		s.compose("kill", "kafka")
		s.compose("start", "kafka")
		s.eventually(time.Minute, func() error {
			cl := s.client()
			defer cl.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			return cl.Ping(ctx)
		})
		s.write(200)
		s.eventually(2*time.Minute, s.counted)
		s.eventually(time.Minute, s.bothWork)
	})
	t.Logf("%-55s %6.1f s", "all", time.Since(s.began).Seconds())
}

// collected looks for metrics and traces in what the collector logs.
func (s *stack) collected() error {
	logs := s.compose("logs", "--no-log-prefix", "otel-collector")
	for _, signal := range []string{"Metrics", "Traces"} {
		if !strings.Contains(logs, "info\t"+signal+"\t") {
			return fmt.Errorf("the collector has no %s", signal)
		}
	}
	return nil
}

// rulesAreWell asks Prometheus how the evaluation of the rules went.
func (s *stack) rulesAreWell() error {
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct {
					Name      string `json:"name"`
					Health    string `json:"health"`
					LastError string `json:"lastError"`
				} `json:"rules"`
			} `json:"groups"`
		} `json:"data"`
	}
	if err := s.get("http://localhost:"+port("PROMETHEUS_PORT", "9090")+"/api/v1/rules", &answer); err != nil {
		return err
	}
	n := 0
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			n++
			if r.Health != "ok" {
				return fmt.Errorf("rule %s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if n == 0 {
		return fmt.Errorf("Prometheus has no rules")
	}
	return nil
}

// panelsHaveData asks Prometheus for every panel's query.
func (s *stack) panelsHaveData() error {
	text, err := os.ReadFile("../deployments/grafana/dashboards/rivusio.json")
	if err != nil {
		return err
	}
	var dashboard struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		return err
	}
	var errs []error
	asked := 0
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			asked++
			expr := strings.NewReplacer("$application", ".*", "$instance", ".*").Replace(target.Expr)
			if err := s.query(expr); err != nil {
				errs = append(errs, fmt.Errorf("panel %s: %w", p.Title, err))
			}
		}
	}
	if asked == 0 {
		return fmt.Errorf("the dashboard asks for nothing")
	}
	return errors.Join(errs...)
}
