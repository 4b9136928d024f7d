package guest

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
)

// FuzzJSON compares the package's own reading of JSON with that of the host.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{
		`{"a":[1,-2.5e3,null,true,false],"b":{}}`, `"\u00e9\ud83d\ude00\n\"\\\/\b\f\r\t"`, `"\ud83d"`, `"\ud83dx"`, `01`, `-`, `1.`, `.5`, `1e`, `+1`, `1e400`, `-0`, `9223372036854775808`,
		`[1,]`, `[,1]`, `{"a":1,}`, `{"a" 1}`, `{"a":1,"a":2}`, `{1:2}`, `"\x"`, "\"\x01\"", "\"\xff\"", `nul`, `truex`, ` [ ] `, ``, `"`, `"\`, `"\u12`, strings.Repeat("[", 1001),
		strings.Repeat("[", 1000) + strings.Repeat("]", 1000), `1 2`, `{`, `[`, "\v1", `"\udc00\ud83d"`, `"\u12g4"`, `--1`, `1-1`, `1e5`,
	} {
		f.Add([]byte(text))
	}
	host := serde.JSONAny()
	f.Fuzz(func(t *testing.T, text []byte) {
		if text == nil {
			text = []byte{}
		}
		want, wantErr := host.Decode(text)
		got, err := Decode(text)
		if (err == nil) != (wantErr == nil) || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: got %v, %v, the host says %v, %v", text, got, err, want, wantErr)
		}
		if err != nil {
			return
		}
		b, err := Append(nil, got)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := host.Decode(b); err != nil || !reflect.DeepEqual(again, want) {
			t.Fatalf("%q: written as %s, which the host reads as %v, %v", text, b, again, err)
		}
	})
}

func TestTextsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		b, err := Append(nil, s)
		if v, err2 := Decode(b); err != nil || err2 != nil || v != s {
			t.Fatal(s, v, err, err2)
		}
	})
	for _, v := range []any{"\xff", map[string]any{"\xff": 1}, struct{}{}, []any{make(chan int)}} {
		if b, err := Append([]byte("x"), v); err == nil {
			t.Errorf("%v: %s", v, b)
		}
	}
}

// TestPlugin speaks the contract without a host.
func TestPlugin(t *testing.T) {
	var config map[string]any
	p := Plugin{Name: "n", Doc: "d", Config: `{"type":"object"}`,
		Configure: func(c map[string]any) error { config = c; return nil },
		Process: func(m Message) ([]Message, error) {
			switch m.Value {
			case "bad":
				return nil, errors.New("it is \"bad\"")
			case "none":
				return nil, nil
			}
			return []Message{m, {Value: m.Source, Time: m.Offset}}, nil
		}}
	if b, err := p.describe(); err != nil || string(b) != `{"config":{"type":"object"},"doc":"d","name":"n"}` {
		t.Errorf("%s, %v", b, err)
	}
	if b, err := p.configure([]byte(`{"a":1}`)); b != nil || err != nil || config["a"] != int64(1) {
		t.Errorf("%s, %v", b, err)
	}
	for in, want := range map[string]string{
		`{"key":1,"value":"x","time":5,"headers":[{"key":"h","value":"AP8="},{"key":"n","value":null}],"source":"s","partition":1,"offset":7}`: `{"messages":[{"key":1,"value":"x","time":5,"headers":[{"key":"h","value":"AP8="},{"key":"n","value":null}]},{"key":null,"value":"s","time":7,"headers":[]}]}`,
		`{"key":null,"value":"none"}`:           ``,
		`{"key":null,"value":"bad"}`:            `{"error":"it is \"bad\""}`,
		`[]`:                                    `{"error":"the message is no map"}`,
		`{"headers":[{"key":"h","value":"%"}]}`: `{"error":"illegal base64 data at input byte 0"}`,
	} {
		b, err := p.process([]byte{}, []byte(in))
		if err != nil {
			b = failed(b[:0], err)
		}
		if !bytes.Equal(b, []byte(want)) {
			t.Errorf("%s:\ngot  %s\nwant %s", in, b, want)
		}
	}
	bare := Plugin{Name: "n", Doc: "d"}
	if b, err := bare.configure([]byte(`{"a":1}`)); err == nil {
		t.Errorf("%s", b)
	}
	if b, err := bare.describe(); err != nil || string(b) != `{"config":{"type":"object"},"doc":"d","name":"n"}` {
		t.Errorf("%s, %v", b, err)
	}
	if !Register(p) || registered.Name != "n" {
		t.Error("it is not registered")
	}
}
