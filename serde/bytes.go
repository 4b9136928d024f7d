package serde

// String is the serde of strings: their bytes as they are (Kafka's StringSerializer, whose default is UTF-8). Bytes that
// are not valid UTF-8 pass unchanged, both ways.
var String Serde[string] = stringSerde{}

// Bytes is the serde of byte slices: the bytes as they are (Kafka's ByteArraySerializer). Decode copies. A nil slice is
// written as zero bytes, not as null, and comes back as an empty slice; [Nullable] makes the difference.
var Bytes Serde[[]byte] = bytesSerde{}

type stringSerde struct{}

func (stringSerde) Append(dst []byte, v string) ([]byte, error) { return append(dst, v...), nil }
func (stringSerde) Decode(b []byte) (string, error)             { return string(b), nil }

type bytesSerde struct{}

func (bytesSerde) Append(dst []byte, v []byte) ([]byte, error) { return append(dst, v...), nil }

func (bytesSerde) Decode(b []byte) ([]byte, error) {
	return append(make([]byte, 0, len(b)), b...), nil
}
