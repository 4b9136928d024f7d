package replay_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/examples/orders"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/replay"
	"github.com/rivusio/rivusio/replay/recording"
	"github.com/rivusio/rivusio/topology/topologytest"
)

// A slice that was recorded replays as the slice itself does, and a driver that plays it gives the same results.
func TestRecordings(t *testing.T) {
	topo := build(t, orders.Topology)
	m := shop(3, 1_000)
	want, _ := lines(t, replay.Config{Topology: topo, Source: m.again()})
	var file bytes.Buffer
	if n, err := replay.Record(t.Context(), m.again(), &file, orders.TotalsTopic); err != nil || n != 1_021 {
		t.Fatal(n, err)
	}
	source, err := replay.Recording(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := lines(t, replay.Config{Topology: topo, Source: source}); got != want {
		t.Error("a replay of the recording has other results")
	}

	d := topologytest.New(t, topo, topologytest.Recorded(bytes.NewReader(file.Bytes())))
	out := topologytest.Output(d, orders.TotalsTopic, orders.TotalsKey, orders.TotalsSerde)
	if n := d.Play(500) + d.Play(0); n != 1_021 {
		t.Errorf("%d records were played", n)
	}
	var got strings.Builder
	for _, r := range out.ReadAll() {
		fmt.Fprintf(&got, "%s %d %d\n", r.Key.Key, r.Key.Start, r.Value.Cents)
	}
	var shown strings.Builder
	if _, err := replay.Run(t.Context(), replay.Config{Topology: topo, Source: m.again(), StateDir: t.TempDir(), Results: func(r *replay.Result) error {
		k, err := orders.TotalsKey.Decode(r.Key)
		if err != nil {
			return err
		}
		v, err := orders.TotalsSerde.Decode(r.Value)
		fmt.Fprintf(&shown, "%s %d %d\n", k.Key, k.Start, v.Cents)
		return err
	}}); err != nil {
		t.Fatal(err)
	}
	if got.String() != shown.String() || got.Len() == 0 {
		t.Errorf("the driver has\n%s\nthe replay\n%s", got.String(), shown.String())
	}
}

// Records of all kinds come back as they were, and mistakes in a recording name the line.
func TestRecordingForm(t *testing.T) {
	in := operators.Input{Key: []byte{}, Value: []byte{0xff, 0}, Timestamp: 7, Offset: 9, Headers: []operators.Header{{Key: "h", Value: nil}, {Key: "h", Value: []byte("é")}}}
	var file bytes.Buffer
	w := recording.NewWriter(&file, recording.Header{Partitions: map[string]int32{"in": 1}, Ranges: []replay.Range{{Topic: "in", From: 9, Warm: 9, To: 10}}})
	w.Write(recording.RecordOf("in", 0, &in))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := recording.NewReader(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	rec, err := r.Next()
	back := rec.Input()
	if err != nil || fmt.Sprintf("%#v", back) != fmt.Sprintf("%#v", in) {
		t.Errorf("%#v, %v, want %#v", back, err, in)
	}
	header, _, _ := strings.Cut(file.String(), "\n")
	for text, want := range map[string]string{
		"":                        "it is empty",
		"{}":                      "line 1 is not its header",
		`{"rivusio_recording":2}`: "it has version 2, and this program reads 1",
		header + "\n\nnonsense":   "line 3: ",
		header + "\n" + `{"topic":"in","partition":1}`:                            `line 2: the header has no topic "in" with a partition 1`,
		header + "\n" + `{"topic":"in","partition":0,"offset":9,"value":{"x":1}}`: "line 2: ",
		header + "\n" + `{"topic":"in","partition":0,"offset":10,"value":"a"}`:    `topic "in", partition 0: offset 10 is not in the range from 9 to 10`,
		`{"rivusio_recording":1,"partitions":{}}`:                                 "no records of a slice",
	} {
		source, err := replay.Recording(strings.NewReader(text))
		if err == nil {
			_, err = replay.Run(t.Context(), replay.Config{Topology: build(t, passing), Source: source, StateDir: t.TempDir()})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
}
