package plugins_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
)

// pooled is a configuration with what golden vector G22 lists beside retries.
type pooled struct {
	Batch   int                 `yaml:"batch_size" default:"1" min:"1" doc:"records of a batch"`
	Window  time.Duration       `yaml:"window" default:"0s" min:"0s" doc:"longest time that a batch waits"`
	Buffer  int                 `yaml:"buffer_size" default:"1000" min:"1" doc:"records that wait"`
	Metrics bool                `yaml:"collect_metrics" default:"true" doc:"count"`
	SkipNil bool                `yaml:"skip_none" default:"true" doc:"drop nulls"`
	Retry   plugins.RetryConfig `yaml:"retry" doc:"retries"`
}

// TestConfigDefaults is golden vector G22.
func TestConfigDefaults(t *testing.T) {
	c, err := plugins.ConfigOf[pooled]("pooled")
	if err != nil {
		t.Fatal(err)
	}
	want := pooled{1, 0, 1000, true, true, plugins.RetryConfig{Attempts: 3, Delay: time.Second, Backoff: 2, MaxDelay: 30 * time.Second, Jitter: 0.2, Timeout: 30 * time.Second}}
	if c != want {
		t.Errorf("defaults are %+v\nwant         %+v", c, want)
	}
	_, err = plugins.ConfigOf[pooled]("pooled", plugins.YAML("p.yaml", []byte("batch_size: 0\nbuffer_size: 0\nmax_retries: 3\nretry:\n  attempts: -1\n  delay: -1s\n")))
	for _, want := range []string{"p.yaml:1:13", "batch_size", "p.yaml:2:14", "buffer_size", "p.yaml:3:1", "max_retries", "p.yaml:5:13", "retry.attempts", "p.yaml:6:10", "retry.delay", `pipe "pooled"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v\nwant it to say %s", err, want)
		}
	}
}

// The schedule is that of the configuration, and a call that hangs is one that failed.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := plugins.ConfigOf[plugins.RetryConfig]("ask", plugins.YAML("r.yaml", []byte("attempts: 4\njitter: 0\nmax_delay: 3s\ntimeout: 5s")))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var at []string
		p, err := plugins.Retry(c, pipes.Pipe[int, int](pipes.Func[int, int](func(ctx context.Context, n int) (int, error) {
			at = append(at, time.Since(began).String())
			if len(at) == 1 {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return n, errors.New("no")
		})))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = p.Process(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "no (attempt 4)") {
			t.Error(err)
		}
		if got := fmt.Sprint(at); got != "[0s 6s 8s 11s]" {
			t.Errorf("calls at %s", got)
		}
	})
}
