package registrytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// Registry is a registry. Make one with [New].
type Registry struct {
	fake       *srfake.Registry
	compatible func(reader, writer string) error

	mu       sync.Mutex
	failing  int // requests that are answered with 500
	requests map[string]int
	held     chan struct{} // requests wait until it is closed; nil: they do not
	required string        // header Authorization; "": none
}

// New starts a registry, which ends with the test. compatible says whether what was written by the second schema can be read by the
// first; nil: every schema is compatible with every other.
func New(t testing.TB, compatible func(reader, writer string) error) *Registry {
	r := &Registry{fake: srfake.New(), compatible: compatible, requests: make(map[string]int)}
	t.Cleanup(r.fake.Close)
	r.fake.Intercept(r.intercept)
	return r
}

// URL is its address.
func (r *Registry) URL() string { return r.fake.URL() }

// Register registers a schema and returns its id.
func (r *Registry) Register(t testing.TB, subject string, s sr.Schema) int {
	t.Helper()
	id, _, err := r.fake.RegisterSchema(subject, s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Fail makes the next n requests fail.
func (r *Registry) Fail(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failing = n
}

// Require lets only requests pass whose header Authorization is so.
func (r *Registry) Require(authorization string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.required = authorization
}

// Hold lets requests wait until release is called.
func (r *Registry) Hold() (release func()) {
	held := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = held
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.held = nil
		close(held)
	})
}

// Requests is how many requests came for a path, such as "GET /schemas/ids/1".
func (r *Registry) Requests(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests[path]
}

func (r *Registry) intercept(w http.ResponseWriter, req *http.Request) bool {
	r.mu.Lock()
	r.requests[req.Method+" "+req.URL.Path]++
	fails, held := r.failing > 0, r.held
	refused := r.required != "" && req.Header.Get("Authorization") != r.required
	if fails {
		r.failing--
	}
	r.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-req.Context().Done():
			return true
		}
	}
	if fails {
		http.Error(w, `{"error_code":50001,"message":"the test wants this to fail"}`, http.StatusInternalServerError)
		return true
	}
	if refused {
		http.Error(w, `{"error_code":40101,"message":"who are you"}`, http.StatusUnauthorized)
		return true
	}
	return req.Method == http.MethodPost && r.compatible != nil && r.refuse(w, req)
}

// latest is the latest schema of a subject.
func (r *Registry) latest(subject string) (s sr.SubjectSchema, ok bool) {
	for version := 1; ; version++ {
		next, found := r.fake.GetSchema(subject, version)
		if !found {
			return s, ok
		}
		s, ok = next, true
	}
}

// refuse answers requests about compatibility, and those to register what is not compatible.
func (r *Registry) refuse(w http.ResponseWriter, req *http.Request) bool {
	parts := strings.Split(strings.Trim(req.URL.EscapedPath(), "/"), "/") // a subject may have a slash
	check := len(parts) == 5 && parts[0] == "compatibility"
	register := len(parts) == 3 && parts[0] == "subjects" && parts[2] == "versions"
	if !check && !register {
		return false
	}
	subject := parts[1]
	if check {
		subject = parts[2]
	}
	subject, err := url.PathUnescape(subject)
	if err != nil {
		return false
	}
	latest, ok := r.latest(subject)
	if !ok {
		return false
	}
	body, err := io.ReadAll(req.Body)
	var asked struct {
		Schema string `json:"schema"`
	}
	if err == nil {
		err = json.Unmarshal(body, &asked)
	}
	if err != nil {
		http.Error(w, strconv.Quote(err.Error()), http.StatusBadRequest)
		return true
	}
	req.Body = io.NopCloser(strings.NewReader(string(body)))
	why := r.compatible(asked.Schema, latest.Schema.Schema)
	switch {
	case check:
		answer := map[string]any{"is_compatible": why == nil}
		if why != nil {
			answer["messages"] = []string{why.Error()}
		}
		return json.NewEncoder(w).Encode(answer) == nil
	case why != nil:
		text, _ := json.Marshal(map[string]any{"error_code": 409, "message": fmt.Sprintf("Schema being registered is incompatible with an earlier schema: %v", why)})
		w.WriteHeader(http.StatusConflict)
		_, err := w.Write(text)
		return err == nil
	}
	return false
}
