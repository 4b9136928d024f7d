package serde

import (
	"encoding/base64"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"unicode/utf8"
)

// View appends what encoded bytes stand for, as one JSON value, for people and for comparisons. Nil is null.
type View func(dst, encoded []byte) ([]byte, error)

// Viewer is implemented by a [Serde] that shows its values in another way than by encoding/json.
type Viewer interface {
	View(dst, encoded []byte) ([]byte, error)
}

// ViewOf is how a serde's values are shown: as its own [Viewer] says, JSON as it is, without white space, text and bytes that are
// UTF-8 as a JSON string, other bytes as {"base64": …}, and anything else as encoding/json writes it, with sorted keys. What cannot
// be decoded is an error, and dst is as it was given. A nil serde shows bytes.
func ViewOf[T any](s Serde[T]) View {
	view := bytesView
	if viewer, ok := s.(Viewer); ok {
		view = viewer.View
	} else if s != nil {
		view = decodedView(func(encoded []byte) (any, error) { return s.Decode(encoded) })
	}
	return nullView(view)
}

// nullView is a view that is asked about values only.
func nullView(view View) View {
	return func(dst, encoded []byte) ([]byte, error) {
		if encoded == nil {
			return append(dst, "null"...), nil
		}
		to, err := view(dst, encoded)
		if err != nil {
			return dst, err
		}
		return to, nil
	}
}

func decodedView(decode func([]byte) (any, error)) View {
	return func(dst, encoded []byte) ([]byte, error) {
		v, err := decode(encoded)
		if err != nil {
			return dst, err
		}
		if b, ok := v.([]byte); ok {
			return bytesView(dst, b)
		}
		b, err := json.Marshal(v, jsonOptions)
		if err != nil {
			return bytesView(dst, encoded)
		}
		return append(dst, b...), nil
	}
}

// bytesView shows bytes without a serde.
func bytesView(dst, b []byte) ([]byte, error) {
	if utf8.Valid(b) {
		return jsontext.AppendQuote(dst, b)
	}
	dst = append(dst, `{"base64":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, `"}`...), nil
}

// View implements [Viewer]: the bytes are JSON.
func (*jsonText) View(dst, encoded []byte) ([]byte, error) { return jsonView(dst, encoded) }

// View implements [Viewer]: the bytes are JSON.
func (jsonAny) View(dst, encoded []byte) ([]byte, error) { return jsonView(dst, encoded) }

func jsonView(dst, encoded []byte) ([]byte, error) {
	v := jsontext.Value(append([]byte(nil), encoded...))
	if err := v.Compact(); err != nil {
		return dst, err
	}
	return append(dst, v...), nil
}
