package serdetest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/metrics"
	"sync"
	"time"
)

// before is what is in a buffer that is appended to.
var before = []byte("before\x00\xff")

func (s *suite[T]) appends(v T) error {
	alone, err := s.encode(nil, v)
	if err != nil {
		return fmt.Errorf("append: %w", err)
	}
	for _, room := range []int{0, len(alone) / 2, len(alone), 4*len(alone) + 64} {
		dst := append(make([]byte, 0, len(before)+room), before...)
		b, err := s.encode(dst, v)
		switch {
		case err != nil:
			return fmt.Errorf("append with room for %d bytes: %w", room, err)
		case !bytes.HasPrefix(b, before) || !bytes.Equal(dst, before):
			return fmt.Errorf("append changed the bytes before, or left them out: %x, were %x", b[:min(len(b), len(before))], before)
		case !bytes.Equal(b[len(before):], alone):
			return fmt.Errorf("append with room for %d bytes appends %x, and %x to nil", room, b[len(before):], alone)
		}
	}
	return nil
}

func (s *suite[T]) keepsNothing(v T) error {
	b, err := s.encode(nil, v)
	if err != nil {
		return err
	}
	input := bytes.Clone(b)
	back, err := s.decode(input)
	if err != nil {
		return err
	}
	if !bytes.Equal(input, b) {
		return fmt.Errorf("decode changed its input: %x, was %x", input, b)
	}
	for i := range input {
		input[i] ^= 0xa5
	}
	if !s.equal(back, v) {
		return fmt.Errorf("%s after the input was overwritten", short(back))
	}
	// What is written to the value does not reach the input either; that of another decoding is the same as before.
	again, err := s.decode(b)
	if err != nil || !s.equal(again, v) {
		return fmt.Errorf("a second decoding gives %s, %v", short(again), err)
	}
	return nil
}

func (s *suite[T]) roundTrip(v T) error {
	b, err := s.encode(nil, v)
	if err != nil {
		return err
	}
	back, err := s.decode(b)
	if err != nil {
		return fmt.Errorf("decode of %s: %w", hex(b), err)
	}
	if !s.equal(back, v) {
		return fmt.Errorf("came back as %s", short(back))
	}
	return nil
}

// equalBytes encodes many times: maps give their entries in another order each time.
func (s *suite[T]) equalBytes(v T) error {
	b, err := s.encode(nil, v)
	if err != nil {
		return err
	}
	equal := v
	for range 20 {
		again, err := s.encode(nil, equal)
		if err != nil {
			return err
		}
		if !bytes.Equal(again, b) {
			return fmt.Errorf("encoded to %s and then to %s", hex(b), hex(again))
		}
		if equal, err = s.decode(b); err != nil { // an equal value, but another one
			return err
		}
	}
	return nil
}

// anyBytes decodes what is near to encodings, and what is hostile in most binary forms.
func (s *suite[T]) anyBytes() error {
	var inputs [][]byte
	for _, v := range s.values {
		b, err := s.encode(nil, v)
		if err != nil {
			return err
		}
		inputs = append(inputs, damaged(b)...)
	}
	for _, b := range append(inputs, hostile()...) {
		if err := s.survives(b); err != nil {
			return fmt.Errorf("input %s: %w", hex(b), err)
		}
	}
	return nil
}

const maxTime = time.Second // generous: the race detector is on in some tests

// survives decodes bytes that are an error or a value, within bounds.
func (s *suite[T]) survives(b []byte) error {
	input := bytes.Clone(b)
	start, was := time.Now(), allocatedBytes()
	v, err := s.decode(input)
	allocated, took := allocatedBytes()-was, time.Since(start)
	switch {
	case errors.Is(err, errPanic):
		return err
	case allocated > s.maxBytes:
		return fmt.Errorf("decode allocated %d bytes, want at most %d", allocated, s.maxBytes)
	case took > maxTime:
		return fmt.Errorf("decode took %v, want at most %v", took, maxTime)
	case !bytes.Equal(input, b):
		return errors.New("decode changed its input")
	case err != nil:
		if n := len(err.Error()); n > 1000 && n >= len(b) {
			return fmt.Errorf("the error has %d bytes: errors do not show whole payloads", n)
		}
		return nil
	}
	if s.isNull != nil && s.isNull(v) {
		return nil // such as the text null of JSON
	}
	if _, err := s.encode(nil, v); errors.Is(err, errPanic) {
		return fmt.Errorf("it decodes to a value that cannot be encoded: %w", err)
	}
	return nil
}

func allocatedBytes() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// damaged are encodings that were cut, lengthened or changed in places, at most some hundreds.
func damaged(b []byte) [][]byte {
	var out [][]byte
	step := max(1, len(b)/64)
	for i := 0; i < len(b); i += step {
		out = append(out, b[:i:i])
		for _, x := range []byte{0x00, 0x01, 0x7f, 0x80, 0xff, b[i] + 1, b[i] - 1, b[i] ^ 0x80} {
			changed := bytes.Clone(b)
			changed[i] = x
			out = append(out, changed)
		}
		// a huge number where there was another
		out = append(out, bytes.Join([][]byte{b[:i], {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, b[i+1:]}, nil))
	}
	out = append(out, append(bytes.Clone(b), 0), append(bytes.Clone(b), b...))
	rng := rand.New(rand.NewPCG(1, uint64(len(b))))
	for range 50 {
		changed := bytes.Clone(b)
		for range 1 + rng.IntN(4) {
			if len(changed) > 0 {
				changed[rng.IntN(len(changed))] = byte(rng.Uint32())
			}
		}
		out = append(out, changed)
	}
	return out
}

// hostile are bytes that stand for huge numbers and deep nesting in one form or another.
func hostile() [][]byte {
	out := [][]byte{{}, []byte("null"), []byte("{}"), []byte("[]"), []byte(`""`), []byte("\xef\xbb\xbf{}")}
	for _, b := range []byte{0x00, 0x01, 0x02, 0x08, 0x0a, 0x7f, 0x80, 0xfe, 0xff, '[', '{', '"', '9'} {
		for _, n := range []int{1, 2, 4, 8, 9, 10, 11, 100, 10_000, 100_000} {
			out = append(out, bytes.Repeat([]byte{b}, n))
		}
	}
	for _, n := range []int64{math.MaxInt64, math.MinInt64, math.MaxInt32, math.MinInt32, 1 << 40, -(1 << 40)} {
		u := uint64(n)<<1 ^ uint64(n>>63)
		var number []byte
		for ; u >= 0x80; u >>= 7 {
			number = append(number, byte(u)|0x80)
		}
		number = append(number, byte(u))
		out = append(out, number, append(bytes.Clone(number), number...), append([]byte{2}, number...))
	}
	return out
}

// concurrent encodes and decodes all values in several goroutines at once.
func (s *suite[T]) concurrent() error {
	encoded := make([][]byte, len(s.values))
	for i, v := range s.values {
		var err error
		if encoded[i], err = s.encode(nil, v); err != nil {
			return err
		}
	}
	const workers = 4
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range 50 {
				for i := range s.values {
					i = (i + w) % len(s.values)
					b, err := s.encode(nil, s.values[i])
					if err != nil || !bytes.Equal(b, encoded[i]) {
						errs[w] = fmt.Errorf("value %s encodes to %s beside others, %v", short(s.values[i]), hex(b), err)
						return
					}
					back, err := s.decode(b)
					if err != nil || !s.equal(back, s.values[i]) {
						errs[w] = fmt.Errorf("value %s comes back as %s beside others, %v", short(s.values[i]), short(back), err)
						return
					}
					_, _ = s.decode(b[:len(b)/2]) // an error leaves nothing behind either
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// null checks that nulls have no encoding, and that nil is the null of a serde that has one.
func (s *suite[T]) null() error {
	for _, v := range s.nulls {
		dst := bytes.Clone(before)
		if b, err := s.encode(dst, v); err == nil || errors.Is(err, errPanic) || !bytes.Equal(b, before) {
			return fmt.Errorf("append of the null %s gives %x, %v; want an error and dst", short(v), b, err)
		}
	}
	if s.isNull == nil {
		return nil
	}
	v, err := s.decode(nil)
	if err != nil || !s.isNull(v) {
		return fmt.Errorf("decode(nil) is %s, %v; want the null", short(v), err)
	}
	for _, v := range s.values {
		b, err := s.encode(nil, v)
		if err != nil {
			return err
		}
		if back, err := s.decode(b); err != nil || s.isNull(back) {
			return fmt.Errorf("%s comes back as %s, %v", short(v), short(back), err)
		}
	}
	return nil
}

// hex is the beginning of some bytes, and their number.
func hex(b []byte) string {
	const most = 40
	if len(b) > most {
		return fmt.Sprintf("%x … (%d bytes)", b[:most], len(b))
	}
	return fmt.Sprintf("%x", b)
}
