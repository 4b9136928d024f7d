package operators_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
)

var replacements = operators.ReplacementSerde(serde.String)

// The bytes are those that Kafka Streams documents for a grouped table (KIP-904).
func TestReplacementsAreWrittenAsKafkaStreamsWritesThem(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, c := range []struct {
		r    operators.Replacement[string]
		want string
	}{
		{operators.Replacement[string]{Old: "old", HasOld: true}, hex.EncodeToString([]byte("old")) + "00"},
		{operators.Replacement[string]{New: "new", HasNew: true}, hex.EncodeToString([]byte("new")) + "01"},
		{operators.Replacement[string]{HasNew: true}, "01"},
		{operators.Replacement[string]{New: "new", Old: "o", HasNew: true, HasOld: true}, "06" + hex.EncodeToString([]byte("newo")) + "02"},
		{operators.Replacement[string]{New: long, HasNew: true, HasOld: true}, "c801" + hex.EncodeToString([]byte(long)) + "02"},
	} {
		b, err := replacements.Append([]byte("before"), c.r)
		if got := hex.EncodeToString(b); err != nil || got != hex.EncodeToString([]byte("before"))+c.want {
			t.Errorf("%+v is %s (%v), want %s", c.r, got, err, c.want)
		}
		if got, err := replacements.Decode(b[len("before"):]); err != nil || got != c.r {
			t.Errorf("%x decodes to %+v (%v), want %+v", b, got, err, c.r)
		}
	}
	if b, err := replacements.Append([]byte("before"), operators.Replacement[string]{}); err == nil || string(b) != "before" {
		t.Errorf("an empty replacement is %q (%v)", b, err)
	}
}

// A value that cannot be written leaves the bytes before it as they were (S1).
func TestFormatsKeepWhatStandsBeforeAFailure(t *testing.T) {
	failing := operators.ReplacementSerde[string](failingSerde{})
	for _, r := range []operators.Replacement[string]{{HasOld: true}, {HasNew: true}, {HasNew: true, HasOld: true}} {
		if b, err := failing.Append([]byte("before"), r); !errors.Is(err, errSerde) || string(b) != "before" {
			t.Errorf("%+v gives %q (%v)", r, b, err)
		}
	}
	b, err := operators.AnswerSerde[string](failingSerde{}).Append([]byte("before"), operators.Answer[string]{Row: serde.Some("")})
	if !errors.Is(err, errSerde) || string(b) != "before" {
		t.Errorf("an answer gives %q (%v)", b, err)
	}
}

var errSerde = errors.New("no")

type failingSerde struct{}

func (failingSerde) Append(dst []byte, _ string) ([]byte, error) {
	return append(dst, "rest"...)[:len(dst)], errSerde
}
func (failingSerde) Decode([]byte) (string, error) { return "", errSerde }

func FuzzReplacementSerde(f *testing.F) {
	for _, s := range []string{"", "00", "01", "0202", "06616263646502", "ffffffffffffffffff0102", "0003"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { again(t, replacements, b, equal) })
}

func FuzzForeignFormats(f *testing.F) {
	for _, s := range []string{"", "01", "0101000000020030", "0102000000030100112233445566778899aabbccddeeff6b", "010000", "0103", "010300112233445566778899aabbccddeeff76", "0200"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again(t, operators.AnswerSerde(serde.String), b, equal)
		again(t, operators.SubscriberSerde, b, equal)
		again(t, operators.SubscriptionSerde, b, func(a, b operators.Subscription) bool {
			return a.Want == b.Want && bytes.Equal(a.Key, b.Key) && a.Partition == b.Partition && a.Hash == b.Hash && a.HasRow == b.HasRow
		})
	})
}

func equal[T comparable](a, b T) bool { return a == b }

// again decodes bytes, which may fail, and holds the serde to what it gave.
func again[T any](t *testing.T, s serde.Serde[T], b []byte, equal func(a, b T) bool) {
	v, err := s.Decode(b)
	if err != nil {
		return
	}
	written, err := s.Append(nil, v)
	if err != nil {
		t.Fatalf("%x decodes to %+v, which cannot be written: %v", b, v, err)
	}
	if got, err := s.Decode(written); err != nil || !equal(got, v) {
		t.Fatalf("%x is written again as %x, which decodes to %+v (%v), want %+v", b, written, got, err, v)
	}
}
