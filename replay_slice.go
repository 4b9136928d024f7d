package rivusio

import (
	"context"
	"encoding/json/v2"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/replay"
	"github.com/rivusio/rivusio/topology"
)

// sliceFlags say which slice of the input topics a command takes.
type sliceFlags struct {
	from, to, warmUp                []string
	snapshot, recording, rangesFile string
	allowGaps                       bool
}

func (f *sliceFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.from, "from", nil, "`place` where the slice begins (default earliest)")
	flags.StringSliceVar(&f.to, "to", nil, "`place` where it ends (default latest)")
	flags.StringSliceVar(&f.warmUp, "warm-up", nil, "`place` from where records bring the state up to the slice")
	flags.StringVar(&f.snapshot, "snapshot", "", "`file` with the state that the slice begins with, as record --state wrote it")
	flags.StringVar(&f.recording, "recording", "", "`file` with the slice, as record wrote it, in the place of topics")
	flags.StringVar(&f.rangesFile, "ranges", "", "`file` with the offsets of the slice, as in the report of a replay, in the place of --from and --to")
	flags.BoolVar(&f.allowGaps, "allow-gaps", false, "take tables for whole that were compacted")
}

func (f *sliceFlags) check() error {
	places := len(f.from) + len(f.to) + len(f.warmUp)
	switch {
	case f.recording != "" && (places > 0 || f.rangesFile != ""):
		return &usageError{"--recording has a slice, and does not go with --from, --to, --warm-up or --ranges"}
	case f.rangesFile != "" && places > 0:
		return &usageError{"--ranges has a slice, and does not go with --from, --to or --warm-up"}
	case f.snapshot != "" && len(f.from)+len(f.warmUp) > 0:
		return &usageError{"--snapshot says where the slice begins, and does not go with --from or --warm-up"}
	}
	for _, x := range []struct {
		flag   string
		places []string
	}{{"--from", f.from}, {"--to", f.to}, {"--warm-up", f.warmUp}} {
		if _, err := boundOf(x.places, time.Time{}); err != nil {
			return &usageError{fmt.Sprintf("%s: %v", x.flag, err)}
		}
	}
	return nil
}

// startState reads the snapshot, nil if there is none.
func (f *sliceFlags) startState() (*replay.Snapshot, error) {
	if f.snapshot == "" {
		return nil, nil
	}
	file, err := os.Open(f.snapshot)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	defer file.Close()
	s, err := replay.ReadSnapshot(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.snapshot, err)
	}
	return s, nil
}

// resolve finds the offsets of the slice.
func (f *sliceFlags) resolve(ctx context.Context, c engine.Config, start *replay.Snapshot, topologies ...*topology.Topology) ([]replay.Range, error) {
	switch {
	case f.recording != "":
		return nil, nil
	case f.rangesFile != "":
		b, err := os.ReadFile(f.rangesFile)
		if err != nil {
			return nil, &usageError{err.Error()}
		}
		var report struct {
			Ranges []replay.Range `json:"ranges"`
		}
		if err := json.Unmarshal(b, &report); err != nil {
			return nil, fmt.Errorf("%s: %w", f.rangesFile, err)
		}
		return report.Ranges, nil
	}
	now := time.Now()
	s := replay.Slice{Start: start}
	var err error
	if s.From, err = boundOf(f.from, now); err != nil {
		return nil, err
	}
	if s.To, err = boundOf(f.to, now); err != nil {
		return nil, err
	}
	if len(f.warmUp) > 0 {
		b, err := boundOf(f.warmUp, now)
		if err != nil {
			return nil, err
		}
		s.WarmUp = &b
	}
	return replay.Resolve(ctx, c, s, topologies...)
}

// open opens the records of the slice.
func (f *sliceFlags) open(ctx context.Context, c engine.Config, ranges []replay.Range, topologies ...*topology.Topology) (replay.Source, error) {
	if f.recording == "" {
		return replay.Kafka(ctx, c, ranges, replay.KafkaOptions{Topologies: topologies, AllowGaps: f.allowGaps})
	}
	file, err := os.Open(f.recording)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	s, err := replay.Recording(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.recording, err)
	}
	return s, nil
}
