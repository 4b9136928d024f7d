package rivusio

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// counted keeps its store in memory, so that every start restores it.
func counted() (*topology.Topology, error) {
	b := topology.NewBuilder("counted")
	b.Stream("words", serde.String, serde.String).GroupByKey().
		Count("counts", topology.InMemory()).
		ToStream().To("word-counts")
	return b.Build()
}

// asked is what a path of the admin server answers; 0 if there is no answer yet.
func asked(url string) (status int, body string) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// answers waits until a path answers with a status and a text.
func answers(t *testing.T, url string, status int, texts ...string) {
	t.Helper()
	var got int
	var body string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		got, body = asked(url)
		all := got == status
		for _, text := range texts {
			all = all && strings.Contains(body, text)
		}
		if all {
			return
		}
	}
	t.Fatalf("%s: got %d %s, want %d %q", url, got, body, status, texts)
}

// freePort is an address on which nothing listens.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// A processor that restores its state is alive and not ready, and says how far it is.
func TestReadinessOfARestore(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "words", "word-counts"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, word := range []string{"a", "b", "c"} {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "words", Key: []byte(word), Value: []byte("-")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	address := freePort(t)
	url := "http://" + address
	start := func() (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan result, 1)
		go func() {
			done <- command(ctx, []Constructor{counted}, append(at(t, c.ListenAddrs()[0]), "--admin-address", address)...)
		}()
		return func() {
			cancel()
			if r := <-done; r.code != ExitOK {
				t.Errorf("got %+v", r)
			}
		}
	}

	stop := start()
	answers(t, url+"/readyz", http.StatusOK, `"state": "running"`)
	answers(t, url+"/tasks", http.StatusOK, `"application": "counted"`, `"position": 3`, `"lag": 0`, `"in": 3`)
	answers(t, url+"/topology", http.StatusOK, `"counted-counts-changelog"`)
	stop()
	if status, _ := asked(url + "/livez"); status != 0 {
		t.Errorf("the admin server is still there: %d", status)
	}

	health := func(args ...string) result {
		return command(t.Context(), nil, append([]string{"health", "--admin-address", address}, args...)...)
	}
	if r := health(); r.code != ExitFailure || !strings.Contains(r.errors, "connection refused") {
		t.Errorf("health without a processor: got %+v", r)
	}
	held := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "counted-counts-changelog", Err: kerr.NotLeaderForPartition, Count: -1})
	stop = start()
	defer stop()
	answers(t, url+"/readyz", http.StatusServiceUnavailable, `"reason": "tasks are being restored"`, `"task": "0_0"`, `"restored_records": 0`)
	answers(t, url+"/livez", http.StatusOK)
	answers(t, url+"/startupz", http.StatusOK)
	if r := health(); r.code != ExitFailure || !strings.Contains(r.errors, "/readyz: 503") || !strings.Contains(r.errors, "tasks are being restored") {
		t.Errorf("health of a restore: got %+v", r)
	}
	if r := health("--probe", "live"); r.code != ExitOK || !strings.Contains(r.out, `"ok": true`) {
		t.Errorf("health of a restore: got %+v", r)
	}
	answers(t, url+"/tasks", http.StatusOK, `"state": "restoring"`)
	held.Remove()
	answers(t, url+"/readyz", http.StatusOK, `"state": "running"`)
	if r := health(); r.code != ExitOK || !strings.Contains(r.out, `"state": "running"`) {
		t.Errorf("health: got %+v", r)
	}
	expect(t, health("--probe", "well"), ExitUsage, `processor: --probe: "well" is not one of ready, live, startup`)
	expect(t, command(t.Context(), nil, "health", "--admin-address", "none"), ExitUsage, "processor: admin.address is none")
	answers(t, url+"/tasks", http.StatusOK, `"restored_records": 4`, `"missing_records": 0`, `"stores_empty": 1`)
}

// An address that was asked for and is taken is a mistake; without one, a second processor takes another port.
func TestAdminAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := broker(t, map[string]int32{"numbers": 1, "doubles": 1})
	r := command(t.Context(), []Constructor{double}, append(at(t, address), "--admin-address", taken.Addr().String())...)
	expect(t, r, ExitFailure, "processor: admin: listen tcp "+taken.Addr().String())

	for _, none := range []bool{false, true} {
		ctx, stop := context.WithCancel(t.Context())
		args := at(t, address)
		if none {
			args = append(args, "--admin-address", "none")
		}
		time.AfterFunc(50*time.Millisecond, stop)
		r := command(ctx, []Constructor{double}, args...)
		if says := strings.Contains(r.errors, `"msg":"admin server listens","url":"http://127.0.0.1:`); r.code != ExitOK || says == none {
			t.Errorf("none %v: got %+v", none, r)
		}
	}
}

func TestLocalAddress(t *testing.T) {
	for address, want := range map[string]string{
		"": "127.0.0.1:8686", ":80": "localhost:80", "0.0.0.0:80": "localhost:80", "[::]:80": "localhost:80", "10.0.0.1:80": "10.0.0.1:80", "pod:80": "pod:80",
	} {
		if got := localAddress(address); got != want {
			t.Errorf("%q: got %s, want %s", address, got, want)
		}
	}
}
