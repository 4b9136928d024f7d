package windows

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/rivusio/rivusio/serde"
)

// timestampBytes is the length of a timestamp in a windowed key.
const timestampBytes = 8

// TimeKeySerde is the serde of keys in time windows of one size, in the form of Kafka Streams' TimeWindowedSerializer: the
// key as s writes it, then the start of the window as eight bytes, big-endian. The end is not written: Decode computes it
// from size, and Append refuses a window of another length. A size that is not a positive number of whole milliseconds is
// an error of every Append and Decode. TimeKeySerde of a nil serde is nil.
func TimeKeySerde[K any](s serde.Serde[K], size time.Duration) serde.Serde[Keyed[K]] {
	if s == nil {
		return nil
	}
	return timeKey[K]{newBaseKey(s, timestampBytes), size}
}

// KeySerde is the serde of keys in windows of any kind and size, in the form of Kafka Streams' SessionWindowedSerializer:
// the key as s writes it, then the end and the start of the window, each as eight bytes, big-endian. KeySerde of a nil
// serde is nil.
func KeySerde[K any](s serde.Serde[K]) serde.Serde[Keyed[K]] {
	if s == nil {
		return nil
	}
	return windowedKey[K]{newBaseKey(s, 2*timestampBytes)}
}

// baseKey is what both forms share: a key in front of a window of fixed length.
type baseKey[K any] struct {
	s           serde.Serde[K]
	partition   func([]byte) []byte // of s; nil if the whole base key decides
	windowBytes int
}

func newBaseKey[K any](s serde.Serde[K], windowBytes int) baseKey[K] {
	return baseKey[K]{s, serde.PartitionKey(s), windowBytes}
}

// Unwrap implements serde.Wrapper: the base key comes first.
func (k baseKey[K]) Unwrap() any { return k.s }

// PartitionKey returns the bytes of the base key, or of the part of it that decides. What is too short to be a windowed key
// is returned whole.
func (k baseKey[K]) PartitionKey(encoded []byte) []byte {
	if len(encoded) < k.windowBytes {
		return encoded
	}
	base := encoded[:len(encoded)-k.windowBytes]
	if k.partition != nil {
		return k.partition(base)
	}
	return base
}

// split decodes the key and returns the bytes of the window.
func (k baseKey[K]) split(b []byte) (key K, window []byte, err error) {
	if len(b) < k.windowBytes {
		return key, nil, fmt.Errorf("windows: windowed key of %d bytes, want at least %d for the window", len(b), k.windowBytes)
	}
	at := len(b) - k.windowBytes
	if key, err = k.s.Decode(b[:at:at]); err != nil {
		return key, nil, fmt.Errorf("windows: key before the window: %w", err)
	}
	return key, b[at:], nil
}

// check refuses what Kafka Streams cannot hold either (its class Window).
func check(w Window) error {
	if w.Start < 0 || w.End < w.Start {
		return fmt.Errorf("windows: window from %d to %d ms, want 0 ≤ start ≤ end", w.Start, w.End)
	}
	return nil
}

type timeKey[K any] struct {
	baseKey[K]
	size time.Duration
}

// Name implements serde.Namer.
func (k timeKey[K]) Name() string { return "time-windowed " + serde.Name(k.s) }

// window returns the window that starts at start.
func (k timeKey[K]) window(start int64) (Window, error) {
	if k.size <= 0 || k.size%time.Millisecond != 0 {
		return Window{}, fmt.Errorf("windows: TimeKeySerde: size is %v, want at least 1ms and whole milliseconds", k.size)
	}
	if start < 0 {
		return Window{}, fmt.Errorf("windows: window starts at %d ms, want 0 or more", start)
	}
	return Window{start, endOf(start, k.size.Milliseconds())}, nil
}

func (k timeKey[K]) Append(dst []byte, v Keyed[K]) ([]byte, error) {
	w, err := k.window(v.Start)
	if err != nil {
		return dst, err
	}
	if v.Window != w {
		return dst, fmt.Errorf("windows: window from %d to %d ms, want one of %v", v.Start, v.End, k.size)
	}
	b, err := k.s.Append(dst, v.Key)
	if err != nil {
		return dst, err
	}
	return binary.BigEndian.AppendUint64(b, uint64(v.Start)), nil
}

func (k timeKey[K]) Decode(b []byte) (Keyed[K], error) {
	key, window, err := k.split(b)
	if err != nil {
		return Keyed[K]{}, err
	}
	w, err := k.window(int64(binary.BigEndian.Uint64(window)))
	if err != nil {
		return Keyed[K]{}, err
	}
	return Key(key, w), nil
}

type windowedKey[K any] struct{ baseKey[K] }

// Name implements serde.Namer.
func (k windowedKey[K]) Name() string { return "windowed " + serde.Name(k.s) }

func (k windowedKey[K]) Append(dst []byte, v Keyed[K]) ([]byte, error) {
	if err := check(v.Window); err != nil {
		return dst, err
	}
	b, err := k.s.Append(dst, v.Key)
	if err != nil {
		return dst, err
	}
	b = binary.BigEndian.AppendUint64(b, uint64(v.End))
	return binary.BigEndian.AppendUint64(b, uint64(v.Start)), nil
}

func (k windowedKey[K]) Decode(b []byte) (Keyed[K], error) {
	key, window, err := k.split(b)
	if err != nil {
		return Keyed[K]{}, err
	}
	w := Window{
		Start: int64(binary.BigEndian.Uint64(window[timestampBytes:])),
		End:   int64(binary.BigEndian.Uint64(window)),
	}
	if err := check(w); err != nil {
		return Keyed[K]{}, err
	}
	return Key(key, w), nil
}

// View implements serde.Viewer: {"key": …, "window": {"start": ms, "end": ms}}.
func (k timeKey[K]) View(dst, encoded []byte) ([]byte, error) {
	v, err := k.Decode(encoded)
	if err != nil {
		return dst, err
	}
	return k.view(dst, encoded, v.Window)
}

// View implements serde.Viewer, in the form of the serde of windows of one size.
func (k windowedKey[K]) View(dst, encoded []byte) ([]byte, error) {
	v, err := k.Decode(encoded)
	if err != nil {
		return dst, err
	}
	return k.view(dst, encoded, v.Window)
}

func (k baseKey[K]) view(dst, encoded []byte, w Window) ([]byte, error) {
	to, err := serde.ViewOf(k.s)(append(dst, `{"key":`...), encoded[:len(encoded)-k.windowBytes:len(encoded)-k.windowBytes])
	if err != nil {
		return dst, err
	}
	to = strconv.AppendInt(append(to, `,"window":{"start":`...), w.Start, 10)
	to = strconv.AppendInt(append(to, `,"end":`...), w.End, 10)
	return append(to, "}}"...), nil
}
