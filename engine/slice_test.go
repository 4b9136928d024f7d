package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// drained reads a slice to its end, the ranges in turn, so that each waits while others could go on.
func drained(t *testing.T, s *Slice, ranges int) []string {
	t.Helper()
	var read []string
	ended := 0
	for i := 0; ended < ranges; i = (i + 1) % ranges {
		in, err := s.Next(t.Context(), i)
		if errors.Is(err, io.EOF) {
			ended++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		ended = 0
		read = append(read, fmt.Sprintf("%d:%s@%d", i, in.Value, in.Offset))
	}
	return read
}

// A slice has what is committed between its offsets, and ends there whatever lies around: marks of transactions, aborted records,
// records that come later.
func TestSlice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 2})
		for i := range 4 {
			r.produce("in", in{value: fmt.Sprint("p", i), ms: int64(100 * i), partition: int32(i % 2)})
		}
		tx := r.client(t, append(quick(), kgo.TransactionalID("x"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		for i, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
			if err := tx.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			rec := &kgo.Record{Topic: "in", Partition: 0, Value: fmt.Appendf(nil, "t%d", i), Timestamp: time.UnixMilli(1000 + int64(i))}
			if err := errors.Join(tx.ProduceSync(t.Context(), rec).FirstErr(), tx.EndTransaction(t.Context(), commit)); err != nil {
				t.Fatal(err)
			}
		}
		c := r.config("a")
		found, err := LookUpOffsets(t.Context(), c, []string{"in"},
			Bound{}, Bound{End: true}, Bound{Time: time.UnixMilli(150)}, Bound{Time: time.UnixMilli(1 << 42)}, Bound{End: true, Offsets: map[string]map[int32]int64{"in": {1: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		want := TopicOffsets{"in": {{0, 8, []int64{0, 8, 1, 8, 8}}, {0, 2, []int64{0, 2, 1, 2, 1}}}}
		if fmt.Sprint(found) != fmt.Sprint(want) {
			t.Errorf("offsets %v, want %v", found, want)
		}
		r.produce("in", in{value: "later", ms: 9_000}, in{value: "later", ms: 9_000, partition: 1})
		s, err := OpenSlice(t.Context(), c, []Range{{"in", 0, 1, 8}, {"in", 1, 0, 2}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if read := drained(t, s, 2); !slices.Equal(read, []string{"0:p2@1", "1:p1@0", "0:t0@2", "1:p3@1", "0:t2@6"}) {
			t.Errorf("read %q", read)
		}
		if from, to := s.Gap(0); from != 4 || to != 5 { // what was aborted
			t.Errorf("gap from %d to %d", from, to)
		}
		_, err = LookUpOffsets(t.Context(), c, []string{"in"}, Bound{Offsets: map[string]map[int32]int64{"in": {2: 0}}})
		if err == nil || !strings.Contains(err.Error(), `topic "in", partition 2, which is not there`) {
			t.Error(err)
		}
	})
}

// A partition that is far ahead is held back, however much the others have.
func TestSliceIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 2})
		value := strings.Repeat("x", 100_000)
		for range 1_000 {
			r.produce("in", in{value: value})
		}
		r.produce("in", in{value: "last", partition: 1})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s, err := OpenSlice(ctx, r.config("a"), []Range{{"in", 0, 0, 1_000}, {"in", 1, 0, 2}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Next(ctx, 1); err != nil {
			t.Fatal(err)
		}
		// Partition 1 has one record and is asked for two: the wait ends, and partition 0 has not come whole.
		if _, err := s.Next(ctx, 1); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		if held := s.parts[0].bytes; held > sliceBytes/2+(16<<20) || held == 0 {
			t.Errorf("%d bytes of the other partition are held", held)
		}
		n := 0
		for ; ; n++ {
			if _, err := s.Next(ctx, 0); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if n != 1_000 {
			t.Errorf("%d records", n)
		}
	})
}

// What was deleted meanwhile is an error, not an end.
func TestSliceOfDeletedRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1})
		r.produce("in", in{value: "a"}, in{value: "b"})
		var offsets kadm.Offsets
		offsets.Add(kadm.Offset{Topic: "in", At: 1, LeaderEpoch: -1})
		if _, err := r.adm.DeleteRecords(t.Context(), offsets); err != nil {
			t.Fatal(err)
		}
		s, err := OpenSlice(t.Context(), r.config("a"), []Range{{"in", 0, 0, 2}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Next(t.Context(), 0); err == nil || !strings.Contains(err.Error(), `topic "in", partition 0, from offset 0`) {
			t.Error(err)
		}
	})
}

// The state of an application is refused while it runs, and is what it committed when it is stopped.
func TestReadState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		b := topology.NewBuilder("app")
		b.Stream("in", serde.String, serde.String).GroupByKey().Count("counts").ToStream().To("out")
		topo, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadState(t.Context(), r.config("x"), topo); err == nil || !strings.Contains(err.Error(), "has committed nothing") {
			t.Error(err)
		}
		r.produce("in", in{key: "a", value: "1"}, in{key: "b", value: "1"}, in{key: "a", value: "1"})
		c := r.config("one")
		c.StopPolicy = Handover // else it stays a member until its session ends
		p := r.start(topo, c)
		p.awaitRunning()
		for !maps.Equal(r.counts("out"), map[string]int64{"a": 2, "b": 1}) {
			time.Sleep(100 * time.Millisecond)
		}
		if _, err := ReadState(t.Context(), r.config("x"), topo); !errors.As(err, new(*GroupRunningError)) {
			t.Error(err)
		}
		p.mustEnd()
		s, err := ReadState(t.Context(), r.config("x"), topo)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Positions) != 1 || s.Positions[0].Topic != "in" || s.Positions[0].Offset != 3 || !slices.Equal(s.Changelogs, []string{"app-counts-changelog"}) ||
			len(s.Rows) != 1 || s.Rows[0].Topic != "app-counts-changelog" {
			t.Errorf("%+v", s)
		}
	})
}

// A writer makes topics, refuses those that hold something, and deletes what it made.
func TestWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"full": 1})
		r.produce("full", in{value: "a"})
		w, err := OpenWriter(t.Context(), r.config("a"))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if err := w.Create(t.Context(), "full", 1); err == nil || !strings.Contains(err.Error(), `topic "full" has records already`) {
			t.Error(err)
		}
		if err := w.Create(t.Context(), "new", 2); err != nil {
			t.Fatal(err)
		}
		err = errors.Join(
			w.Write(t.Context(), &operators.Output{Topic: "new", Partition: 1, Value: []byte("v"), Timestamp: 7, Headers: []operators.Header{{Key: "h", Value: []byte("x")}}}),
			w.Flush(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		if read := r.read("new"); len(read) != 1 || read[0].Partition != 1 || read[0].Timestamp.UnixMilli() != 7 || len(read[0].Headers) != 1 {
			t.Errorf("%v", read)
		}
		if err := w.Discard(t.Context()); err != nil {
			t.Error(err)
		}
		topics, err := r.adm.ListTopics(t.Context())
		if err != nil || topics.Has("new") || !topics.Has("full") {
			t.Errorf("%v, %v", topics.Names(), err)
		}
	})
}
