package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology/topologytest"
)

const (
	kitEvents     = 60_000
	kitPartitions = 4
)

// Every query gives exactly what the kit's brute force computes from the same events.
func TestQueriesGiveWhatTheKitExpects(t *testing.T) {
	kit := filepath.Join(t.TempDir(), "kit")
	run(t, "go", "-C", "../kit", "build", "-o", kit, ".")
	for query := range queries {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			data := "nexmark"
			if before, _, ok := strings.Cut(query, "-count"); ok || query == "shuffle" {
				data = before
			}
			args := []string{"--events", fmt.Sprint(kitEvents), "--partitions", fmt.Sprint(kitPartitions)}
			want := strings.TrimSpace(string(run(t, kit, append([]string{"expect", "--query", query}, args...)...)))
			input := run(t, kit, append([]string{"dump", "--data", data}, args...)...)
			if got := digestOf(t, query, input); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func run(t *testing.T, command string, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	c := exec.Command(command, args...)
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", command, strings.Join(args, " "), err, &stderr)
	}
	return out
}

// digestOf runs a query on the records of `kit dump` and returns its output as `kit check` counts and hashes it.
func digestOf(t *testing.T, query string, input []byte) string {
	topo, err := build(query, "bench", "in", "out")
	if err != nil {
		t.Fatal(err)
	}
	d := topologytest.New(t, topo, topologytest.Partitions(kitPartitions), topologytest.CommitEvery(5000))
	nullable := serde.Nullable(serde.Bytes)
	in := topologytest.Input(d, "in", nullable, nullable)
	out := topologytest.Output(d, "out", nullable, nullable)
	records := bufio.NewReader(bytes.NewReader(input))
	for {
		r, err := readDump(records)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		in.Send(r.key, r.value, topologytest.ToPartition(int(r.partition)), topologytest.AtMs(r.timestamp))
	}
	d.Commit()

	var sum digest
	last := make(map[string][]byte)
	for _, r := range out.ReadAll() {
		if query == "keyed-count" {
			last[string(r.Key.Value)] = r.Value.Value
			continue
		}
		sum.add(r.Key, r.Value)
	}
	for k, v := range last {
		sum.add(serde.Some([]byte(k)), serde.Some(v))
	}
	if drops := d.Dropped(); len(drops) > 0 {
		t.Errorf("records were dropped: %v", drops)
	}
	return sum.String()
}

type optionalBytes = serde.Optional[[]byte]

type dumped struct {
	partition  int32
	timestamp  int64
	key, value optionalBytes
}

// readDump reads one record of `kit dump`.
func readDump(r io.Reader) (d dumped, err error) {
	if err = binary.Read(r, binary.BigEndian, &d.partition); err != nil {
		return d, err
	}
	err = binary.Read(r, binary.BigEndian, &d.timestamp)
	for _, field := range []*optionalBytes{&d.key, &d.value} {
		var n int32
		err = errors.Join(err, binary.Read(r, binary.BigEndian, &n))
		if n >= 0 {
			*field = serde.Some(make([]byte, n))
			_, e := io.ReadFull(r, field.Value)
			err = errors.Join(err, e)
		}
	}
	return d, err
}

// digest is the kit's hash of a multiset of records, which knows no order.
type digest struct {
	n    int64
	a, b uint64
}

func (d *digest) add(key, value optionalBytes) {
	var b []byte
	for _, f := range []optionalBytes{key, value} {
		n := uint32(len(f.Value))
		if !f.OK {
			n = 1<<32 - 1
		}
		b = append(binary.BigEndian.AppendUint32(b, n), f.Value...)
	}
	s := sha256.Sum256(b)
	d.n++
	d.a += binary.BigEndian.Uint64(s[:8])
	d.b += binary.BigEndian.Uint64(s[8:16])
}

func (d *digest) String() string { return fmt.Sprintf("%d %016x%016x", d.n, d.a, d.b) }
