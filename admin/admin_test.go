package admin_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/admin"
	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/topology"
)

// app is an application as a test wants it.
type app struct {
	state        engine.State
	dead, paused bool
	tasks        []engine.TaskInfo
	globals      []engine.GlobalInfo
}

func (a *app) State() engine.State          { return a.state }
func (a *app) Live() bool                   { return !a.dead && a.state != engine.Failed }
func (a *app) Paused() bool                 { return a.paused }
func (a *app) Tasks() []engine.TaskInfo     { return a.tasks }
func (a *app) Globals() []engine.GlobalInfo { return a.globals }

// serve runs a server for the time of the test.
func serve(t testing.TB, c admin.Config) *admin.Server {
	t.Helper()
	if c.Application == nil {
		c.Application = &app{state: engine.Running}
	}
	if c.Address == "" {
		c.Address = "127.0.0.1:0"
	}
	c.Logger = slog.New(slog.DiscardHandler)
	s, err := admin.Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-ended); err != nil {
			t.Error(err)
		}
	})
	return s
}

// get reads a path; headers are NAME: VALUE.
func get(t testing.TB, s *admin.Server, path string, headers ...string) (status int, body string) {
	t.Helper()
	return request(t, http.DefaultClient, http.MethodGet, s.URL()+path, headers...)
}

func request(t testing.TB, client *http.Client, method, url string, headers ...string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if req.Header.Set(name, value); name == "Host" {
			req.Host = value
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestProbes(t *testing.T) {
	restoring := []engine.TaskInfo{
		{ID: "0_0", State: engine.TaskProcessing, Restore: engine.RestoreProgress{Records: 70}},
		{ID: "0_1", State: engine.TaskRestoring, Restore: engine.RestoreProgress{Records: 30, Missing: 12}},
		{ID: "1_4", State: engine.TaskRestoring, Restore: engine.RestoreProgress{Missing: 5}},
	}
	reading := []engine.GlobalInfo{{Store: "rates", Restore: engine.RestoreProgress{Records: 3, Missing: 4}}, {Store: "users", Ready: true}}
	for _, test := range []struct {
		name                string
		app                 app
		live, started, okay bool
		says                []string // at /readyz
	}{
		{"created", app{state: engine.Created}, true, false, false, []string{`"reason": "the start is not over"`}},
		{"reads global tables", app{state: engine.Starting, globals: reading}, true, false, false,
			[]string{`"state": "starting"`, `"global_store": "rates"`, `"restored_records": 3`, `"missing_records": 4`}},
		{"joins", app{state: engine.Rebalancing}, true, true, false, []string{`"reason": "the group gives the partitions out"`}},
		{"restores", app{state: engine.Rebalancing, tasks: restoring}, true, true, false,
			[]string{`"reason": "tasks are being restored"`, `"restored_records": 30`, `"missing_records": 17`, `"task": "0_1"`, `"task": "1_4"`}},
		{"runs", app{state: engine.Running, tasks: restoring[:1]}, true, true, true, []string{`"ok": true`, `"state": "running"`}},
		{"is paused", app{state: engine.Running, paused: true}, true, true, true, []string{`"paused": true`}},
		{"is held up", app{state: engine.Running, dead: true}, false, true, true, nil},
		{"stops", app{state: engine.Stopping}, true, true, false, []string{`"reason": "the run ends"`}},
		{"has failed", app{state: engine.Failed}, false, false, false, []string{`"reason": "the run has failed"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, admin.Config{Application: &test.app})
			for path, want := range map[string]bool{"/livez": test.live, "/startupz": test.started, "/readyz": test.okay} {
				status, body := get(t, s, path)
				if ok := status == http.StatusOK; ok != want || !ok && status != http.StatusServiceUnavailable {
					t.Errorf("%s: got %d %s, want ok %v", path, status, body, want)
				}
				var h struct {
					OK     bool   `json:"ok"`
					Reason string `json:"reason"`
				}
				if err := json.Unmarshal([]byte(body), &h); err != nil || h.OK != want || (h.Reason == "") != want {
					t.Errorf("%s: got %s (%v), want ok %v, and a reason if it is not", path, body, err, want)
				}
				for _, text := range test.says {
					if path == "/readyz" && !strings.Contains(body, text) {
						t.Errorf("%s: no %s in %s", path, text, body)
					}
				}
			}
			if status, _ := get(t, s, "/livez"); test.app.state == engine.Rebalancing && status != http.StatusOK {
				t.Error("a restore would be ended by a restart")
			}
		})
	}
}

func TestTasks(t *testing.T) {
	var drops [operators.Reasons]uint64
	drops[operators.Late] = 7
	s := serve(t, admin.Config{
		Topology: topology.Description{Application: "orders"},
		Application: &app{state: engine.Running,
			tasks: []engine.TaskInfo{{
				ID: "0_3", Worker: 1, State: engine.TaskProcessing, StreamTime: 1_000,
				Inputs:    []engine.InputInfo{{Topic: "in", Partition: 3, Position: 10, Lag: 2, BufferedBytes: 100, Paused: true}},
				Operators: []task.NodeStats{{Node: "count", In: 9, Dropped: drops}},
				Restore:   engine.RestoreProgress{Records: 5, Kept: 1, Empty: 2, Rebuilt: 3},
			}, {ID: "0_4", StreamTime: operators.NoTime}},
			globals: []engine.GlobalInfo{{Store: "rates", Topic: "rates-by-id", Ready: true, Inputs: []engine.InputInfo{{Topic: "rates-by-id", Lag: -1}}}},
		},
	})
	_, body := get(t, s, "/tasks")
	const want = `{"application":"orders","state":"running","paused":false,"tasks":[` +
		`{"id":"0_3","worker":1,"state":"processing","stream_time":"1970-01-01T00:00:01Z",` +
		`"inputs":[{"topic":"in","partition":3,"position":10,"lag":2,"buffered_bytes":100,"paused":true}],` +
		`"operators":[{"name":"count","in":9,"dropped":{"late":7}}],` +
		`"restore":{"restored_records":5,"missing_records":0,"stores_kept":1,"stores_empty":2,"stores_rebuilt":3}},` +
		`{"id":"0_4","worker":0,"state":"restoring","inputs":[],` +
		`"restore":{"restored_records":0,"missing_records":0,"stores_kept":0,"stores_empty":0,"stores_rebuilt":0}}],` +
		`"global_stores":[{"store":"rates","topic":"rates-by-id","ready":true,"inputs":[{"topic":"rates-by-id","partition":0,"position":0,"lag":-1,"buffered_bytes":0,"paused":false}],` +
		`"restore":{"restored_records":0,"missing_records":0,"stores_kept":0,"stores_empty":0,"stores_rebuilt":0}}]}`
	if got := compact(t, body); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func compact(t testing.TB, body string) string {
	t.Helper()
	var text strings.Builder
	for line := range strings.Lines(body) {
		text.WriteString(strings.TrimSpace(line))
	}
	return strings.ReplaceAll(text.String(), `": `, `":`)
}

func TestTopologyErrorsAndMetrics(t *testing.T) {
	d := topology.Description{Application: "orders"}
	bare := serve(t, admin.Config{Topology: d})
	text, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, bare, "/topology"); status != http.StatusOK || strings.TrimSpace(body) != string(text) {
		t.Errorf("got %d %s, want what describe gives: %s", status, body, text)
	}
	for _, path := range []string{"/metrics", "/errors", "/nothing"} {
		if status, _ := get(t, bare, path); status != http.StatusNotFound {
			t.Errorf("%s without a source: got %d, want not found", path, status)
		}
	}
	var failures []admin.Failure
	full := serve(t, admin.Config{
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "records 5") }),
		Errors:  func() []admin.Failure { return failures },
	})
	if _, body := get(t, full, "/metrics"); body != "records 5" {
		t.Errorf("got %s", body)
	}
	if _, body := get(t, full, "/errors"); compact(t, body) != `{"errors":[]}` {
		t.Errorf("got %s", body)
	}
	failures = []admin.Failure{{Operator: "parse", Task: "0_1", Topic: "in", Offset: 4, Time: time.Unix(0, 0).UTC(), Attempts: 3, Action: "skipped", Error: "no number"}}
	const want = `{"errors":[{"operator":"parse","task":"0_1","topic":"in","partition":0,"offset":4,"time":"1970-01-01T00:00:00Z","attempts":3,"action":"skipped","error":"no number"}]}`
	if _, body := get(t, full, "/errors"); compact(t, body) != want {
		t.Errorf("got  %s\nwant %s", compact(t, body), want)
	}
	for s, want := range map[*admin.Server]bool{bare: false, full: true} {
		_, body := get(t, s, "/")
		if strings.Contains(body, "/metrics\n") != want || strings.Contains(body, "/errors\n") != want || !strings.Contains(body, "/readyz\n") {
			t.Errorf("the index is %s, want metrics and errors in it: %v", body, want)
		}
	}
}

func TestToken(t *testing.T) {
	token, wrong := "hush", error(nil)
	s := serve(t, admin.Config{
		Token:   func() (string, error) { return token, wrong },
		Metrics: http.NotFoundHandler(), Errors: func() []admin.Failure { return nil },
	})
	open := map[string]bool{"/livez": true, "/startupz": true, "/readyz": true}
	paths := []string{"/", "/livez", "/startupz", "/readyz", "/metrics", "/topology", "/tasks", "/errors", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/heap"}
	for _, path := range paths {
		for _, given := range []string{"", "Bearer ", "Bearer hus", "Bearer hushed", "Basic hush"} {
			status, body := get(t, s, path, "Authorization: "+given)
			if refused := status == http.StatusUnauthorized; refused == open[path] || strings.Contains(body, "hush") {
				t.Errorf("%s with %q: got %d %s", path, given, status, body)
			}
		}
		if status, _ := get(t, s, path, "Authorization: Bearer hush"); status == http.StatusUnauthorized {
			t.Errorf("%s with the token is refused", path)
		}
	}
	token = "" // as of a file that was emptied
	if status, _ := get(t, s, "/tasks", "Authorization: Bearer "); status != http.StatusUnauthorized {
		t.Errorf("an empty token opens: %d", status)
	}
	token, wrong = "hush", errors.New("no file")
	if status, _ := get(t, s, "/tasks", "Authorization: Bearer hush"); status != http.StatusUnauthorized {
		t.Errorf("a token that cannot be read opens: %d", status)
	}
}

func TestOnlyReads(t *testing.T) {
	s := serve(t, admin.Config{})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		for _, path := range []string{"/tasks", "/livez", "/debug/pprof/symbol"} {
			if status, _ := request(t, http.DefaultClient, method, s.URL()+path); status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: got %d", method, path, status)
			}
		}
	}
	if status, _ := request(t, http.DefaultClient, http.MethodHead, s.URL()+"/readyz"); status != http.StatusOK {
		t.Errorf("HEAD: got %d", status)
	}
}

// A page in a browser on this machine reaches the port too, under a name of its own.
func TestForeignNames(t *testing.T) {
	s := serve(t, admin.Config{})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.URL(), "http://"))
	for host, want := range map[string]int{
		"localhost": http.StatusOK, "localhost:" + port: http.StatusOK, "127.0.0.1:" + port: http.StatusOK, "[::1]:" + port: http.StatusOK, "[::1]": http.StatusOK,
		"evil.example": http.StatusMisdirectedRequest, "evil.example:" + port: http.StatusMisdirectedRequest,
	} {
		if status, _ := get(t, s, "/tasks", "Host: "+host); status != want {
			t.Errorf("host %s: got %d, want %d", host, status, want)
		}
	}
	all := serve(t, admin.Config{Address: "0.0.0.0:0"})
	_, port, _ = net.SplitHostPort(strings.TrimPrefix(all.URL(), "http://"))
	if status, _ := request(t, http.DefaultClient, http.MethodGet, "http://127.0.0.1:"+port+"/tasks", "Host: orders-0.orders"); status != http.StatusOK {
		t.Errorf("a server for others does not answer to its name: %d", status)
	}
}

func TestProfiling(t *testing.T) {
	for _, test := range []struct {
		address   string
		token     bool
		profiling admin.Profiling
		want      bool
	}{
		{"127.0.0.1:0", false, admin.ProfilingAuto, true},
		{"127.0.0.1:0", false, admin.ProfilingOff, false},
		{"0.0.0.0:0", false, admin.ProfilingAuto, false},
		{"0.0.0.0:0", false, admin.ProfilingOn, true},
		{"0.0.0.0:0", true, admin.ProfilingAuto, true},
	} {
		c := admin.Config{Address: test.address, Profiling: test.profiling}
		if test.token {
			c.Token = func() (string, error) { return "hush", nil }
		}
		s := serve(t, c)
		if open := test.address == "0.0.0.0:0" && !test.token; s.Open() != open {
			t.Errorf("%+v: open is %v", test, s.Open())
		}
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.URL(), "http://"))
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/cmdline"} {
			status, _ := request(t, http.DefaultClient, http.MethodGet, "http://127.0.0.1:"+port+path, "Authorization: Bearer hush")
			if (status == http.StatusOK) != test.want {
				t.Errorf("%+v, %s: got %d", test, path, status)
			}
		}
	}
}

// Several processes on a machine need no configuration; an address that was asked for is an error if it is taken.
func TestPorts(t *testing.T) {
	first, err := admin.Listen(admin.Config{Application: &app{}})
	if err != nil {
		t.Fatal(err)
	}
	second, err := admin.Listen(admin.Config{Application: &app{}})
	if err != nil {
		t.Fatal(err)
	}
	if first.URL() == second.URL() || !strings.HasPrefix(second.URL(), "http://127.0.0.1:") {
		t.Errorf("got %s and %s", first.URL(), second.URL())
	}
	address := strings.TrimPrefix(first.URL(), "http://")
	if _, err := admin.Listen(admin.Config{Application: &app{}, Address: address}); err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("got %v, want an error that names %s", err, address)
	}
	for _, s := range []*admin.Server{first, second} {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if l, err := net.Listen("tcp", address); err != nil {
		t.Errorf("the port is not free after Close: %v", err)
	} else {
		l.Close()
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	s := serve(t, admin.Config{TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	if status, _ := request(t, client, http.MethodGet, s.URL()+"/readyz"); status != http.StatusOK || !strings.HasPrefix(s.URL(), "https://") {
		t.Errorf("%s: got %d", s.URL(), status)
	}
}

// What is being answered when the server ends has a moment left, and no more.
func TestClose(t *testing.T) {
	entered := make(chan context.Context, 1)
	s, err := admin.Listen(admin.Config{Address: "127.0.0.1:0", Application: &app{}, Metrics: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		entered <- r.Context()
		<-r.Context().Done()
	})})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	go func() {
		resp, err := http.Get(s.URL() + "/metrics")
		if err == nil {
			resp.Body.Close()
		}
	}()
	<-entered
	began := time.Now()
	if err := errors.Join(s.Close(), <-ended); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestNoApplication(t *testing.T) {
	if _, err := admin.Listen(admin.Config{}); err == nil || err.Error() != "admin: config: Application is nil" {
		t.Errorf("got %v", err)
	}
}
