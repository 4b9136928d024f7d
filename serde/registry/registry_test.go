package registry_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/registry"
	"github.com/rivusio/rivusio/serde/registry/registrytest"
)

// text is a format of texts whose schemas are words: a payload begins with its word.
type text struct{ word string }

func (f text) Schema() registry.Schema {
	return registry.Schema{Type: registry.Avro, Text: quoted(f.word), Name: "org.text"}
}

func quoted(s string) string { return `"` + s + `"` }

func (f text) Append(dst []byte, v string) ([]byte, error) {
	if v == "bad" {
		return append(dst, "half"...), errors.New("it is bad")
	}
	return append(append(dst, f.word+":"...), v...), nil
}

func (f text) Reader(writer registry.Schema) (func([]byte) (string, error), error) {
	word := strings.Trim(writer.Text, `"`)
	if len(writer.References) > 0 {
		word += "+" + strings.Trim(writer.References[0].Schema.Text, `"`)
	}
	if word == "strange" {
		return nil, errors.New("it cannot be read")
	}
	return func(b []byte) (string, error) {
		v, ok := strings.CutPrefix(string(b), word+":")
		if !ok {
			return "", fmt.Errorf("%q does not begin with %s", b, word)
		}
		return v, nil
	}, nil
}

func client(t *testing.T, r *registrytest.Registry, c registry.Config) *registry.Client {
	t.Helper()
	c.URLs, c.Logger = []string{r.URL()}, slog.New(slog.NewTextHandler(io.Discard, nil))
	cl, err := registry.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// What is written has the header of the wire format, and is read whatever schema it has.
func TestWireFormat(t *testing.T) {
	r := registrytest.New(t, nil)
	r.Register(t, "other", sr.Schema{Schema: `"v0"`})
	id := r.Register(t, "orders-value", sr.Schema{Schema: `"v1"`})
	c := client(t, r, registry.Config{})
	s := registry.Value(c, "orders", text{"v1"})
	b, err := s.Append([]byte("x"), "hello")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("x\x00\x00\x00\x00%cv1:hello", id); string(b) != want {
		t.Errorf("%q, want %q", b, want)
	}
	if v, err := s.Decode(b[1:]); v != "hello" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if v, err := s.Decode([]byte("\x00\x00\x00\x00\x01v0:old")); v != "old" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	for range 3 {
		if _, err := s.Append(nil, "again"); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.Requests("GET /schemas/ids/1"); n != 1 {
		t.Errorf("schema 1 was asked for %d times", n)
	}
	if b, err := s.Append([]byte("x"), "bad"); err == nil || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
}

// Each mistake has an error that names the id or the subject.
func TestErrors(t *testing.T) {
	r := registrytest.New(t, nil)
	strange := r.Register(t, "strange", sr.Schema{Schema: `"strange"`})
	v1 := r.Register(t, "v1", sr.Schema{Schema: `"v1"`})
	s := registry.Value(client(t, r, registry.Config{Patience: time.Second}), "orders", text{"v9"})
	for _, c := range []struct{ bytes, want string }{
		{"", "0 bytes are too few"},
		{"\x00\x00\x00\x00", "4 bytes are too few"},
		{`{"a":1}`, "the first byte is 0x7b"},
		{"\x00\x00\x00\x03\xe7v1:a", "no schema with id 999"},
		{fmt.Sprintf("\x00\x00\x00\x00%cv1:a", strange), fmt.Sprintf("schema %d: it cannot be read", strange)},
		{fmt.Sprintf("\x00\x00\x00\x00%cv2:a", v1), fmt.Sprintf("schema %d: \"v2:a\" does not", v1)},
	} {
		for range 2 {
			if _, err := s.Decode([]byte(c.bytes)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q: %v, want %s", c.bytes, err, c.want)
			}
		}
	}
	if _, err := s.Append(nil, "a"); err == nil || !strings.Contains(err.Error(), `subject "orders-value"`) || !strings.Contains(err.Error(), "AutoRegister") {
		t.Error(err)
	}
	if n := r.Requests("GET /schemas/ids/999"); n != 1 {
		t.Errorf("an unknown schema was asked for %d times", n)
	}
}

// A schema that is not compatible is never registered, and Check says why.
func TestRegister(t *testing.T) {
	r := registrytest.New(t, func(reader, writer string) error {
		if len(reader) != len(writer) {
			return fmt.Errorf("%s cannot read %s", reader, writer)
		}
		return nil
	})
	c := client(t, r, registry.Config{AutoRegister: true})
	ctx := t.Context()
	for _, word := range []string{"v1", "v2", "v1"} {
		if err := serde.OpenerOf(registry.Value(c, "orders", text{word})).Open(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var incompatible *registry.IncompatibleError
	err := serde.OpenerOf(registry.Value(c, "orders", text{"other"})).Open(ctx)
	if !errors.As(err, &incompatible) || !strings.Contains(err.Error(), `"other" cannot read "v2"`) {
		t.Error(err)
	}
	if err := c.Check(ctx, "orders-value", text{"other"}.Schema()); !errors.As(err, &incompatible) || incompatible.Subject != "orders-value" {
		t.Error(err)
	}
	for subject, word := range map[string]string{"orders-value": "v3", "nobody-knows-it": "other"} {
		if err := c.Check(ctx, subject, text{word}.Schema()); err != nil {
			t.Errorf("%s in %s: %v", word, subject, err)
		}
	}
	if s, id, err := c.Latest(ctx, "orders-value"); s.Text != `"v2"` || id != 2 || err != nil {
		t.Error(s, id, err)
	}
}

// Without a schema of its own a serde reads each value by its own schema and writes with the latest one.
func TestLatest(t *testing.T) {
	r := registrytest.New(t, nil)
	first := r.Register(t, "orders-value", sr.Schema{Schema: `"v1"`})
	second := r.Register(t, "orders-value", sr.Schema{Schema: `"v2"`})
	c := client(t, r, registry.Config{})
	s := registry.Latest(c, "orders-value", func(s registry.Schema) (registry.Format[string], error) {
		return text{strings.Trim(s.Text, `"`)}, nil
	})
	if v, err := s.Decode(fmt.Appendf(nil, "\x00\x00\x00\x00%cv1:a", first)); v != "a" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if b, err := s.Append(nil, "b"); string(b) != fmt.Sprintf("\x00\x00\x00\x00%cv2:b", second) || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := registry.Latest(c, "nobody", func(registry.Schema) (registry.Format[string], error) { return text{}, nil }).Append(nil, "x"); err == nil || !strings.Contains(err.Error(), `subject "nobody"`) {
		t.Error(err)
	}
}

// nullable is a format with a null.
type nullable struct{ text }

func (nullable) IsNull(v string) bool { return v == "" }

// A null of the format is one of the serde.
func TestNulls(t *testing.T) {
	c := client(t, registrytest.New(t, nil), registry.Config{})
	for _, s := range []serde.Serde[string]{registry.Value(c, "orders", nullable{}), registry.In(c, "any", nullable{})} {
		isNull := serde.IsNull(s)
		if isNull == nil || !isNull("") || isNull("x") || serde.OpenerOf(s) == nil || serde.WaiterOf(s) == nil {
			t.Errorf("%T", s)
		}
		if v, err := s.Decode(nil); v != "" || err != nil {
			t.Errorf("%q, %v", v, err)
		}
	}
	if serde.IsNull(registry.Value(c, "orders", text{})) != nil {
		t.Error("a format without a null has one")
	}
}

// Subjects are named as the strategy says.
func TestStrategies(t *testing.T) {
	r := registrytest.New(t, nil)
	for name, s := range map[string]struct {
		strategy   registry.Strategy
		key, value string
	}{
		"topic":        {registry.TopicName, "orders-key", "orders-value"},
		"record":       {registry.RecordName, "org.text", "org.text"},
		"topic-record": {registry.TopicRecordName, "orders-org.text", "orders-org.text"},
	} {
		c := client(t, r, registry.Config{Strategy: s.strategy})
		key := registry.Key(c, "orders", text{"v1"}).(*registry.Serde[string]).Subject()
		if value := registry.Value(c, "orders", text{"v1"}).(*registry.Serde[string]).Subject(); key != s.key || value != s.value {
			t.Errorf("%s: %s and %s", name, key, value)
		}
	}
}

// Requests are authenticated, by a token that is asked for each time.
func TestAuthentication(t *testing.T) {
	r := registrytest.New(t, nil)
	id := r.Register(t, "v1", sr.Schema{Schema: `"v1"`})
	r.Require("Bearer second")
	tokens := []string{"first", "second"}
	c := client(t, r, registry.Config{Token: func() (string, error) {
		token := tokens[0]
		tokens = tokens[min(1, len(tokens)-1):]
		return token, nil
	}})
	if s, err := c.Schema(t.Context(), id); s.Text != `"v1"` || err != nil {
		t.Error(s, err)
	}
	r.Require("Basic " + base64.StdEncoding.EncodeToString([]byte("u:p")))
	if s, err := client(t, r, registry.Config{Username: "u", Password: "p"}).Schema(t.Context(), id); s.Text != `"v1"` || err != nil {
		t.Error(s, err)
	}
	if _, err := client(t, r, registry.Config{}).ID(t.Context(), "v1", text{"v1"}.Schema()); err == nil || !strings.Contains(err.Error(), "who are you") {
		t.Error(err)
	}
}

// References are fetched with the schema, and are bounded.
func TestReferences(t *testing.T) {
	r := registrytest.New(t, nil)
	r.Register(t, "part", sr.Schema{Schema: `"part"`})
	id := r.Register(t, "whole", sr.Schema{Schema: `"whole"`, References: []sr.SchemaReference{{Name: "p", Subject: "part", Version: 1}}})
	s := registry.Value(client(t, r, registry.Config{}), "whole", text{"x"})
	if v, err := s.Decode(fmt.Appendf(nil, "\x00\x00\x00\x00%cwhole+part:v", id)); v != "v" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	s = registry.Value(client(t, r, registry.Config{MaxSchemaBytes: 8}), "whole", text{"x"})
	if _, err := s.Decode(fmt.Appendf(nil, "\x00\x00\x00\x00%cwhole+part:v", id)); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Error(err)
	}
	large := r.Register(t, "large", sr.Schema{Schema: quoted(strings.Repeat("x", 100_000))})
	s = registry.Value(client(t, r, registry.Config{MaxSchemaBytes: 1000}), "large", text{"x"})
	if _, err := s.Decode(fmt.Appendf(nil, "\x00\x00\x00\x00%cx", large)); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Error(err)
	}
}

// A registry that fails is asked again; what waits meanwhile is told when it is there.
func TestWait(t *testing.T) {
	r := registrytest.New(t, nil)
	id := r.Register(t, "v1", sr.Schema{Schema: `"v1"`})
	s := registry.Value(client(t, r, registry.Config{}), "orders", text{"v1"})
	w := serde.WaiterOf(serde.Nullable(s))
	b := fmt.Appendf(nil, "\x00\x00\x00\x00%cv1:a", id)
	r.Fail(2)
	release := r.Hold()
	missing := w.Wait(b)
	if missing == nil {
		t.Fatal("nothing is missing")
	}
	select {
	case <-missing:
		t.Fatal("it is there before the registry has answered")
	case <-time.After(10 * time.Millisecond):
	}
	release()
	<-missing
	if w.Wait(b) != nil {
		t.Error("something is missing still")
	}
	if v, err := s.Decode(b); v != "a" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if n := r.Requests(fmt.Sprintf("GET /schemas/ids/%d", id)); n != 3 {
		t.Errorf("%d requests, want 2 that fail and one", n)
	}
	for _, b := range []string{"", "{}", "\x01\x00\x00\x00\x01"} {
		if w.Wait([]byte(b)) != nil {
			t.Errorf("%q is waited for", b)
		}
	}
}

// Ids that nobody knows do not fill the memory.
func TestManyUnknownIDs(t *testing.T) {
	r := registrytest.New(t, nil)
	s := registry.Value(client(t, r, registry.Config{MaxSchemas: 10}), "orders", text{"v1"})
	for i := range 100 {
		if _, err := s.Decode(fmt.Appendf(nil, "\x00\x00\x00\x01%cx", i)); err == nil {
			t.Error("it was decoded")
		}
	}
}

// The configuration's mistakes are told at once.
func TestConfig(t *testing.T) {
	token := func() (string, error) { return "t", nil }
	for want, c := range map[string]registry.Config{
		"URLs is empty":        {},
		`"x" is not a URL`:     {URLs: []string{"x"}},
		"want one of them":     {URLs: []string{"http://a"}, Token: token, Username: "u"},
		"without a Username":   {URLs: []string{"http://a"}, Password: "p"},
		`"x" is not topic, re`: {URLs: []string{"http://a"}, Strategy: "x"},
		"Timeout is negative":  {URLs: []string{"http://a"}, Timeout: -1},
		"MaxSchemas is negati": {URLs: []string{"http://a"}, MaxSchemas: -1},
	} {
		if _, err := registry.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A client that was closed does not leave anybody waiting.
func TestClose(t *testing.T) {
	r := registrytest.New(t, nil)
	defer r.Hold()()
	c := client(t, r, registry.Config{})
	missing := serde.WaiterOf(registry.Value(c, "orders", text{"v1"})).Wait([]byte("\x00\x00\x00\x00\x01"))
	c.Close()
	select {
	case <-missing:
	case <-time.After(5 * time.Second):
		t.Error("it waits")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Schema(ctx, 7); err == nil {
		t.Error("there is a schema")
	}
}
