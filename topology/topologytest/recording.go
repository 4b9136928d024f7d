package topologytest

import (
	"errors"
	"io"

	"github.com/rivusio/rivusio/replay/recording"
)

// Recorded makes the topics of a recording as they were: with its numbers of partitions, and beginning at its offsets.
// [Driver.Play] sends the records. A recording is what `processor record` or package replay wrote of a slice, or by hand.
func Recorded(from io.Reader) Option { return func(s *settings) { s.recorded = from } }

// record opens the recording and gives its topics their numbers of partitions.
func (d *Driver) record(s *settings) {
	if s.recorded == nil {
		return
	}
	var err error
	if d.recording, err = recording.NewReader(s.recorded); err != nil {
		d.t.Fatalf("topologytest: option Recorded: %v", err)
	}
	for topic, n := range d.recording.Partitions {
		if _, given := s.ofTopic[topic]; given {
			d.t.Fatalf("topologytest: topic %q has the options Partitions and Recorded", topic)
		}
		if err := d.broker.Create(topic, n); err != nil {
			d.t.Fatalf("topologytest: option Recorded: %v", err)
		}
	}
	for _, r := range d.recording.Ranges {
		if err := d.broker.Begin(r.Topic, r.Partition, r.Warm); err != nil {
			d.t.Fatalf("topologytest: option Recorded: %v", err)
		}
	}
}

// Play sends the next n records of the recording, all that are left if n is 0, each as it was: partition, offset, timestamp and
// headers. It returns how many there were. Each is processed to its end before the next, as with [Topic.Send].
func (d *Driver) Play(n int) int {
	d.t.Helper()
	if d.recording == nil {
		d.t.Fatalf("topologytest: Play needs the option Recorded")
	}
	played := 0
	for ; n == 0 || played < n; played++ {
		rec, err := d.recording.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = d.broker.Skip(rec.Topic, rec.Partition, rec.Offset)
		}
		if err == nil {
			_, err = d.broker.Append(rec.Topic, rec.Partition, rec.Input())
		}
		if err == nil {
			err = d.runtime.Run()
		}
		if err != nil {
			d.t.Fatalf("topologytest: line %d of the recording: %v", d.recording.Line(), err)
		}
	}
	return played
}
