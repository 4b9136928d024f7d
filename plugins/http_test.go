package plugins_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
)

// service answers as its paths say and counts the requests.
type service struct {
	*httptest.Server
	calls atomic.Int64
}

func newService(t *testing.T, answer func(n int64, w http.ResponseWriter, r *http.Request)) *service {
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(s.calls.Add(1), w, r) }))
	t.Cleanup(s.Close)
	return s
}

func TestHTTPEnrich(t *testing.T) {
	other := newService(t, func(int64, http.ResponseWriter, *http.Request) {})
	s := newService(t, func(n int64, w http.ResponseWriter, r *http.Request) {
		switch path, _, _ := strings.Cut(r.URL.Path[1:], "/"); path {
		case "echo":
			fmt.Fprintf(w, `{"path":%q,"query":%q,"auth":%q}`, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Authorization"))
		case "flaky":
			if n < 3 {
				http.Error(w, "busy", http.StatusServiceUnavailable)
				return
			}
			io.WriteString(w, "1")
		case "bad":
			http.Error(w, "what?", http.StatusBadRequest)
		case "none":
			http.NotFound(w, r)
		case "large":
			io.WriteString(w, `"`+strings.Repeat("x", 2000)+`"`)
		case "text":
			io.WriteString(w, "hello")
		case "slow":
			select {
			case <-r.Context().Done():
			case <-time.After(10 * time.Second):
			}
		case "away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "here":
			http.Redirect(w, r, "/echo/x", http.StatusFound)
		case "hangup":
			panic(http.ErrAbortHandler)
		}
	})
	const quick = "retry: {delay: 1ms, max_delay: 2ms}\n"
	for _, c := range []struct {
		config, in, want string
		calls            int64
	}{
		{"url: URL/echo/{id}?q={q}\nheaders: {Authorization: secret}", `{"id":"a/b?","q":"x&y"}`, `{"id":"a/b?","q":"x&y","r":{"auth":"secret","path":"/echo/a%2Fb%3F","query":"q=x%26y"}}`, 1},
		{"url: URL/echo/{$key}/{n}", `{"n":5}`, `{"n":5,"r":{"auth":"","path":"/echo/k/5","query":""}}`, 1},
		{"url: URL/echo/{id}", `{}`, `!id is missing`, 0},
		{"url: URL/echo/{id}", `{"id":[1]}`, `!id: a list cannot be a part of an address`, 0},
		{"url: URL/echo/{id}/x", `{"id":".."}`, `!id: ".." cannot be a part of a path`, 0},
		{quick + "url: URL/flaky", `{}`, `{"r":1}`, 3},
		{"retry: {delay: 1ms, attempts: 2}\nurl: URL/flaky", `{}`, `!status 503 Service Unavailable: "busy\n" (attempt 2)`, 2},
		{"retry: {attempts: 1}\nurl: URL/flaky", `{}`, `!status 503`, 1},
		{quick + "url: URL/bad", `{}`, `!status 400 Bad Request: "what?\n"`, 1},
		{quick + "url: URL/none", `{}`, `!status 404`, 1},
		{quick + "url: URL/none\nnot_found: 'null'", `{"a":1}`, `{"a":1,"r":null}`, 1},
		{quick + "url: URL/none\nnot_found: skip", `{"a":1}`, ``, 1},
		{quick + "url: URL/large\nmax_size: 1KiB", `{}`, `!the answer is longer than 1024 bytes`, 1},
		{quick + "url: URL/text", `{}`, `!the answer: serde: JSONAny`, 1},
		{"retry: {delay: 1ms, timeout: 20ms}\nurl: URL/slow", `{}`, `!it took longer than 20ms`, 3},
		{quick + "url: URL/hangup", `{}`, `!(attempt 3)`, 3},
		{quick + "url: URL/away", `{}`, `!a redirect to another host`, 1},
		{quick + "url: URL/here", `{}`, `{"r":{"auth":"","path":"/echo/x","query":""}}`, 2},
		{quick + "url: URL/echo/a", `5`, `!"r" cannot be set in a number`, 1},
	} {
		s.calls.Store(0)
		p := pipe(t, "http-enrich", strings.ReplaceAll(c.config, "URL", s.URL)+"\ninto: r")
		out, err := p.Process(t.Context(), plugins.Message{Key: "k", Value: value(t, c.in)})
		got := ""
		if len(out) > 0 {
			got = text(t, out[0].Value)
		}
		if want, fails := strings.CutPrefix(c.want, "!"); fails && (err == nil || !strings.Contains(err.Error(), want)) || !fails && (err != nil || got != c.want) {
			t.Errorf("%s: got %s, %v, want %s", c.config, got, err, c.want)
		}
		if n := s.calls.Load(); n != c.calls {
			t.Errorf("%s: %d requests, want %d", c.config, n, c.calls)
		}
	}
	if other.calls.Load() != 0 {
		t.Error("a redirect was followed to another host")
	}
	p := pipe(t, "http-enrich", "{url: '"+s.URL+"/bad', into: r}")
	_, err := plugins.Run(t.Context(), words("a"), p, &life{events: &[]string{}}, nil)
	if e := (*plugins.StatusError)(nil); !errors.As(err, &e) || e.Status != 400 || !strings.Contains(err.Error(), `pipe "http-enrich": status 400`) {
		t.Error(err)
	}
}

func TestHTTPEnrichCache(t *testing.T) {
	s := newService(t, func(n int64, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, n) })
	p := pipe(t, "http-enrich", "{url: '"+s.URL+"/{id}', into: r, cache: {max: 2, time: 1h}}")
	var got []string
	for _, id := range []int64{1, 2, 1, 1, 3} {
		out, err := p.Process(t.Context(), plugins.Message{Value: map[string]any{"id": id}})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, text(t, out[0].Value))
	}
	if want := `{"id":1,"r":1} {"id":2,"r":2} {"id":1,"r":1} {"id":1,"r":1} {"id":3,"r":3}`; strings.Join(got, " ") != want {
		t.Error(got)
	}
	short := pipe(t, "http-enrich", "{url: '"+s.URL+"/x', into: r, cache: {time: 1ms}}")
	for range 2 {
		short.Process(t.Context(), plugins.Message{})
		time.Sleep(3 * time.Millisecond) // longer than an answer is good
	}
	if n := s.calls.Load(); n != 5 {
		t.Error(n, "requests, want 5")
	}
}

func TestHTTPSink(t *testing.T) {
	var mu sync.Mutex
	var bodies []string
	status := http.StatusOK
	s := newService(t, func(n int64, w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if status == http.StatusOK || n%2 == 0 {
			bodies = append(bodies, r.Method+" "+r.Header.Get("Content-Type")+" "+r.Header.Get("X-A")+" "+string(b))
			return
		}
		w.WriteHeader(status)
	})
	r := plugins.Standard(plugins.Environment{})
	run := func(config, in string) error {
		bodies = nil
		s.calls.Store(0)
		sink, err := r.Sink("http", plugins.YAML("s.yaml", []byte(config+"\nlinger: 1h\nretry: {delay: 1ms, attempts: 2}\nurl: "+s.URL)))
		must(t, err)
		_, err = plugins.Run(t.Context(), words(in), plugins.Chain(), sink, nil)
		return err
	}
	const lines, list = "application/x-ndjson", "application/json"
	for _, c := range []struct{ config, in, want string }{
		{"batch: 2", "a b c", "POST " + lines + "  \"a\"\n\"b\"\n|POST " + lines + "  \"c\"\n"},
		{"batch: 2\nformat: list\nmethod: PUT\nheaders: {X-A: y}", "a b c d", "PUT " + list + " y [\"a\",\"b\"]|PUT " + list + " y [\"c\",\"d\"]"},
		{"max_size: 5B", "a bcd", "POST " + lines + "  \"a\"\n\"bcd\"\n"},
		{"{}", "", ""},
	} {
		if err := run(strings.TrimPrefix(c.config, "{}"), c.in); err != nil || strings.Join(bodies, "|") != c.want {
			t.Errorf("%s: got %q, %v", c.config, bodies, err)
		}
	}
	status = http.StatusBadGateway
	if err := run("", "a b"); err != nil || strings.Join(bodies, "|") != "POST "+lines+"  \"a\"\n\"b\"\n" || s.calls.Load() != 2 {
		t.Errorf("a retry sends the same: %q, %v", bodies, err)
	}
	status = http.StatusBadRequest
	if err := run("batch: 1", "a b"); err == nil || err.Error() != `pipe "http": POST `+s.URL+` with 1 values: status 400 Bad Request` {
		t.Error(err)
	}
}

func TestHTTPSinkLingers(t *testing.T) {
	got := make(chan string, 10)
	status := atomic.Int64{}
	status.Store(200)
	s := newService(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.WriteHeader(int(status.Load()))
		got <- string(b)
	})
	open := func() plugins.Sink {
		sink, err := plugins.Standard(plugins.Environment{}).Sink("http", plugins.YAML("s.yaml", []byte("{linger: 1ms, url: '"+s.URL+"'}")))
		must(t, err, sink.(pipes.Opener).Open(t.Context()))
		return sink
	}
	sink := open()
	must(t, sink.Write(t.Context(), plugins.Message{Value: "a"}))
	if b := <-got; b != "\"a\"\n" { // nobody flushes
		t.Error(b)
	}
	must(t, sink.(pipes.Closer).Close(), sink.(pipes.Closer).Close())
	if err := sink.Write(t.Context(), plugins.Message{Value: "a"}); !errors.Is(err, pipes.ErrClosed) {
		t.Error(err)
	}
	status.Store(400)
	sink = open()
	must(t, sink.Write(t.Context(), plugins.Message{Value: "a"}))
	<-got
	if err := sink.(pipes.Closer).Close(); err == nil || !strings.Contains(err.Error(), "status 400") {
		t.Error("what the linger met is lost:", err)
	}
}

// listening gives the address of a source that listens on a port of its own.
func listening() (plugins.Environment, chan string) {
	address := make(chan string, 1)
	return plugins.Environment{Listen: func(network, _ string) (net.Listener, error) {
		l, err := net.Listen(network, "127.0.0.1:0")
		if err == nil {
			address <- "http://" + l.Addr().String()
		}
		return l, err
	}}, address
}

func TestHTTPSource(t *testing.T) {
	e, address := listening()
	token := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(token, []byte("secret\n"), 0o600))
	source, err := plugins.Standard(e).Source("http", plugins.YAML("s.yaml", []byte("{path: /in, key: id, max_body_size: 100, timeout: 5s, token_file: "+token+"}")))
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var messages []plugins.Message
	ended := make(chan error, 1)
	go func() {
		for m, err := range source(ctx) {
			if err != nil {
				ended <- err
				return
			}
			messages = append(messages, m)
		}
	}()
	url := <-address
	for _, c := range []struct {
		method, path, auth, body string
		status                   int
		answer                   string
	}{
		{"POST", "/in", "Bearer secret", `{"id":"a","n":1}` + "\n\n" + `{"id":"b"}`, 204, ""},
		{"POST", "/in", "Bearer secret", "", 204, ""},
		{"POST", "/in", "Bearer wrong", `{"id":"x"}`, 401, "the token is missing or wrong"},
		{"POST", "/in", "", `{"id":"x"}`, 401, "the token is missing or wrong"},
		{"GET", "/in", "Bearer secret", "", 405, "want a POST"},
		{"POST", "/", "Bearer secret", `{"id":"x"}`, 404, "404 page not found"},
		{"POST", "/in", "Bearer secret", `{"id":"x"}` + "\n{", 400, "body:2: serde: JSONAny"},
		{"POST", "/in", "Bearer secret", `{"id":"x"}` + "\n{}", 400, "body:2: id, the key, is missing"},
		{"POST", "/in", "Bearer secret", strings.Repeat("x", 101), 413, "http: request body too large"},
	} {
		req, _ := http.NewRequest(c.method, url+c.path, strings.NewReader(c.body))
		req.Header.Set("Authorization", c.auth)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.status || !strings.HasPrefix(string(b), c.answer) {
			t.Errorf("%s %s %q: %d %s, want %d %s", c.method, c.path, c.body, res.StatusCode, b, c.status, c.answer)
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(messages) != 2 || messages[0].Key != "a" || messages[1].Key != "b" || messages[1].ID() != "http://127.0.0.1:8080/in/0/1" || messages[0].Time.IsZero() {
		t.Errorf("%+v", messages)
	}
	if _, err := http.Get(url); err == nil {
		t.Error("it listens still")
	}
}

// A loop that takes nothing lets requests wait, and refuses those that are too many.
func TestHTTPSourceHoldsBack(t *testing.T) {
	e, address := listening()
	source, err := plugins.Standard(e).Source("http", plugins.YAML("s.yaml", []byte("requests: 1")))
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	taken, goOn, ended := make(chan any), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for m := range source(ctx) {
			taken <- m.Value
			<-goOn
		}
	}()
	url := <-address
	post := func(body string) (int, error) {
		res, err := http.Post(url, "", strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		res.Body.Close()
		return res.StatusCode, nil
	}
	statuses := make(chan int, 1)
	go func() {
		n, _ := post("1\n2")
		statuses <- n
	}()
	if v := <-taken; v != int64(1) {
		t.Error(v)
	}
	if n, err := post("3"); n != http.StatusServiceUnavailable || err != nil { // the first waits for its second message to be taken
		t.Error(n, err)
	}
	stop()
	goOn <- struct{}{}
	<-taken // the end of the context
	goOn <- struct{}{}
	<-ended
	if n := <-statuses; n != http.StatusServiceUnavailable {
		t.Error("a request of which not all was taken got", n)
	}
}

func TestHTTPSourceErrors(t *testing.T) {
	boom := errors.New("no port")
	r := plugins.Standard(plugins.Environment{Listen: func(network, address string) (net.Listener, error) {
		if network != "tcp" || address != "127.0.0.1:8080" && address != "example:99" {
			t.Error(network, address)
		}
		return nil, boom
	}})
	for config, want := range map[string]string{"{}": "no port", "listen: example:99": "no port", "token_file: /does/not/exist": "no such file", "token_file: " + os.DevNull: "the token is empty"} {
		s, err := r.Source("http", plugins.YAML("s.yaml", []byte(config)))
		must(t, err)
		if _, err := pipes.Collect(t.Context(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", config, err)
		}
	}
}

// A request whose messages nobody takes is answered in the end.
func TestHTTPSourceTimeout(t *testing.T) {
	e, address := listening()
	source, err := plugins.Standard(e).Source("http", plugins.YAML("s.yaml", []byte("timeout: 20ms")))
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	goOn, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for range source(ctx) {
			<-goOn
		}
	}()
	res, err := http.Post(<-address, "", strings.NewReader("1\n2\n3"))
	must(t, err)
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusServiceUnavailable || string(b) != "1 of 3 messages were taken\n" {
		t.Error(res.StatusCode, string(b))
	}
	stop()
	close(goOn)
	<-ended
}

func TestHTTPSinkTimeout(t *testing.T) {
	s := newService(t, func(_ int64, _ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	sink, err := plugins.Standard(plugins.Environment{}).Sink("http", plugins.YAML("s.yaml", []byte("{retry: {attempts: 2, delay: 1ms, timeout: 20ms}, url: '"+s.URL+"'}")))
	must(t, err)
	_, err = plugins.Run(t.Context(), words("a"), plugins.Chain(), sink, nil)
	if e := (*pipes.TimeoutError)(nil); !errors.As(err, &e) || e.Limit != 20*time.Millisecond || s.calls.Load() != 2 {
		t.Error(err, s.calls.Load())
	}
}
