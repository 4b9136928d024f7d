package wasm

import (
	"encoding/base64"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
	"github.com/rivusio/rivusio/serde"
)

// appendJSON appends a value, null too.
func appendJSON(dst []byte, v any) ([]byte, error) {
	if v == nil {
		return append(dst, "null"...), nil
	}
	return serde.JSONAny().Append(dst, v)
}

// appendConfig appends a configuration. One that is not there is an empty one.
func appendConfig(dst []byte, config any) ([]byte, error) {
	if config == nil {
		return append(dst, "{}"...), nil
	}
	if _, ok := config.(map[string]any); !ok {
		return nil, errors.New("want keys with values")
	}
	return appendJSON(dst, config)
}

// appendMessage appends a message as a module gets it.
func appendMessage(dst []byte, m *plugins.Message) ([]byte, error) {
	dst, err := appendJSON(append(dst, `{"key":`...), m.Key)
	if err != nil {
		return nil, fmt.Errorf("the key: %w", err)
	}
	if dst, err = appendJSON(append(dst, `,"value":`...), m.Value); err != nil {
		return nil, fmt.Errorf("the value: %w", err)
	}
	if !m.Time.IsZero() {
		dst = strconv.AppendInt(append(dst, `,"time":`...), m.Time.UnixMilli(), 10)
	}
	if len(m.Headers) > 0 {
		dst = append(dst, `,"headers":[`...)
		for i, h := range m.Headers {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = jsontext.AppendQuote(append(dst, `{"key":`...), h.Key); err != nil {
				return nil, fmt.Errorf("header %q: %w", h.Key, err)
			}
			dst = append(dst, `,"value":`...)
			if h.Value == nil {
				dst = append(dst, "null}"...)
				continue
			}
			dst = base64.StdEncoding.AppendEncode(append(dst, '"'), h.Value)
			dst = append(dst, `"}`...)
		}
		dst = append(dst, ']')
	}
	if dst, err = jsontext.AppendQuote(append(dst, `,"source":`...), m.Origin.Source); err != nil {
		return nil, fmt.Errorf("the source: %w", err)
	}
	dst = strconv.AppendInt(append(dst, `,"partition":`...), int64(m.Origin.Partition), 10)
	dst = strconv.AppendInt(append(dst, `,"offset":`...), m.Origin.Offset, 10)
	return append(dst, '}'), nil
}

// readAnswer reads an answer, which is a map. An error that the plugin reports is a *[PluginError].
func readAnswer(text []byte) (map[string]any, error) {
	if len(text) == 0 {
		return nil, nil
	}
	v, err := serde.JSONAny().Decode(text)
	if err != nil {
		return nil, err
	}
	answer, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it is no JSON object")
	}
	if e, ok := answer["error"]; ok {
		message, ok := e.(string)
		if !ok || len(answer) != 1 {
			return nil, errors.New("its error is no text, or not alone")
		}
		return nil, &PluginError{message}
	}
	return answer, nil
}

// readNothing reads an answer that says nothing but perhaps an error.
func readNothing(text []byte) error {
	answer, err := readAnswer(text)
	if err == nil && len(answer) > 0 {
		err = errors.New("it says more than an error")
	}
	return err
}

// readMessages reads the messages that a plugin made of one. What a message does not say it has from that one.
func readMessages(text []byte, in *plugins.Message, most int) ([]plugins.Message, error) {
	answer, err := readAnswer(text)
	if err != nil || answer == nil {
		return nil, err
	}
	list, ok := answer["messages"].([]any)
	switch {
	case !ok || len(answer) != 1:
		return nil, errors.New(`want {"messages":[…]} or {"error":"…"}`)
	case len(list) > most:
		return nil, fmt.Errorf("%d messages, more than %d", len(list), most)
	}
	out := make([]plugins.Message, len(list))
	for i, item := range list {
		if out[i], err = readMessage(item, in); err != nil {
			return nil, fmt.Errorf("message %d: %w", i, err)
		}
	}
	return out, nil
}

func readMessage(v any, in *plugins.Message) (plugins.Message, error) {
	m := *in
	object, ok := v.(map[string]any)
	if !ok {
		return m, errors.New("it is no JSON object")
	}
	if _, ok := object["value"]; !ok {
		return m, errors.New("it has no value")
	}
	for name, v := range object {
		var err error
		switch name {
		case "key":
			m.Key = v
		case "value":
			m.Value = v
		case "time":
			ms, ok := v.(int64)
			if !ok {
				return m, errors.New("its time is no whole number of milliseconds")
			}
			m.Time = time.UnixMilli(ms).UTC()
		case "headers":
			m.Headers, err = readHeaders(v)
		default:
			err = fmt.Errorf("the name %q is not known", cut(name, 50))
		}
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

func readHeaders(v any) ([]pipes.Header, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, errors.New("its headers are no list")
	}
	headers := make([]pipes.Header, len(list))
	for i, item := range list {
		h, _ := item.(map[string]any)
		key, ok := h["key"].(string)
		value, there := h["value"]
		if !ok || !there || len(h) != 2 {
			return nil, fmt.Errorf("header %d is not a key and a value", i)
		}
		headers[i].Key = key
		if value == nil {
			continue
		}
		text, ok := value.(string)
		b, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil {
			return nil, fmt.Errorf("the value of header %d is not in base64", i)
		}
		headers[i].Value = b
	}
	return headers, nil
}

// about is what a module says it is.
type about struct {
	name, doc string
	schema    []byte
}

func readAbout(text []byte) (about, error) {
	answer, err := readAnswer(text)
	if err != nil {
		return about{}, err
	}
	var a about
	for name, v := range answer {
		ok := true
		switch name {
		case "name":
			a.name, ok = v.(string)
		case "doc":
			a.doc, ok = v.(string)
		case "config":
			if _, ok = v.(map[string]any); ok {
				a.schema, err = appendJSON(nil, v)
			}
		default:
			return a, fmt.Errorf("its description has the unknown name %q", cut(name, 50))
		}
		if !ok || err != nil {
			return a, errors.Join(fmt.Errorf("the %s of its description is wrong", name), err)
		}
	}
	if a.name == "" || a.doc == "" || a.schema == nil {
		return a, errors.New("its description wants name, doc and config")
	}
	if len(a.doc) > 1000 {
		return a, errors.New("its doc is longer than 1000 bytes")
	}
	return a, nil
}
