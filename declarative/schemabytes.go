package declarative

import (
	"encoding/base64"

	"github.com/rivusio/rivusio/serde/registry"
)

// textBytes gives bytes to expressions as what they are in a file: a text in base64, which the format takes too.
type textBytes struct{ registry.Format[any] }

// Reader implements [registry.Format].
func (f textBytes) Reader(writer registry.Schema) (func([]byte) (any, error), error) {
	read, err := f.Format.Reader(writer)
	if err != nil {
		return nil, err
	}
	return func(payload []byte) (any, error) {
		v, err := read(payload)
		return bytesAsText(v), err
	}, nil
}

// bytesAsText changes a value that nobody else has yet.
func bytesAsText(v any) any {
	switch v := v.(type) {
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case []any:
		for i := range v {
			v[i] = bytesAsText(v[i])
		}
	case map[string]any:
		for name, x := range v {
			v[name] = bytesAsText(x)
		}
	}
	return v
}
