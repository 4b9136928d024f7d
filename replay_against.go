package rivusio

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/rivusio/rivusio/replay"
	"github.com/rivusio/rivusio/topology"
)

// compare replays two versions over one slice.
func (r *replaying) compare(p *program) (err error) {
	ctx := r.cmd.Context()
	old, done, err := r.other()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	topologies := []*topology.Topology{r.topology}
	if old != nil {
		topologies = append(topologies, old)
	}
	if r.ranges, err = r.slice.resolve(ctx, r.engine, r.snapshot, topologies...); err != nil {
		return err
	}
	var summary *replay.Summary
	before := r.child()
	if old != nil {
		before = r.side(old, topologies, new(*replay.Summary))
	}
	c, err := replay.Diff(ctx, before, r.side(r.topology, topologies, &summary), replay.DiffOptions{Ignore: r.ignore, Limit: r.differences, Dir: r.scratch})
	if err != nil {
		return err
	}
	report := reportOf(summary, c)
	if !c.Equal() && !summary.Interrupted {
		if report.First, err = r.explain(ctx, topologies, &c.Differences[0]); err != nil {
			return err
		}
	}
	if err := errors.Join(r.tell(summary), r.tellDifferences(c, report.First), r.writeReport(report)); err != nil {
		return err
	}
	switch {
	case summary.Interrupted:
		return errors.New("the replay was interrupted: the comparison is of a part of the slice")
	case !c.Equal():
		return &exitError{code: ExitDifferent}
	}
	return nil
}

// other is the old version if it is a file, nil if it is a program.
func (r *replaying) other() (t *topology.Topology, done func() error, err error) {
	done = func() error { return nil }
	if ext := filepath.Ext(r.against); ext != ".yaml" && ext != ".yml" {
		if _, err := exec.LookPath(r.against); err != nil {
			return nil, done, &usageError{fmt.Sprintf("--against: %v", err)}
		}
		return nil, done, nil
	}
	return fileTopology(r.cmd.Context(), r.against, r.selected, r.log)
}

// side replays a topology of this process.
func (r *replaying) side(t *topology.Topology, topologies []*topology.Topology, summary **replay.Summary) replay.Side {
	return func(ctx context.Context, to io.Writer) error {
		cfg, err := r.config(ctx, t, topologies...)
		if err != nil {
			return err
		}
		lines := replay.NewLines(t, to, true)
		cfg.Results = lines.Write
		s, err := r.run(ctx, cfg)
		if err != nil {
			return err
		}
		*summary = s
		return lines.Flush()
	}
}

// child replays in a process of another program, which gets the slice and this command's configuration.
func (r *replaying) child() replay.Side {
	return func(ctx context.Context, to io.Writer) error {
		args, remove, err := r.childArgs()
		if err != nil {
			return err
		}
		defer remove()
		var said bytes.Buffer
		cmd := exec.CommandContext(ctx, r.against, args...)
		cmd.Stdout, cmd.Stderr = to, io.MultiWriter(&said, r.cmd.ErrOrStderr())
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		if err := cmd.Run(); err != nil {
			last := strings.TrimSpace(said.String())
			return fmt.Errorf("%s: %w: %s", r.against, err, last[strings.LastIndexByte(last, '\n')+1:])
		}
		return nil
	}
}

// ownFlags are the flags of this command that are not passed on to a child; the others, those of the configuration too, are.
var ownFlags = []string{"from", "to", "warm-up", "ranges", "output", "prefix", "causes", "against", "against-topology", "ignore", "differences", "report", "quiet", "topology"}

// childArgs is the command line of a child. The caller removes what was made for it.
func (r *replaying) childArgs() (args []string, remove func(), err error) {
	args, remove = []string{"replay", "--quiet", "--output", "-", "--causes"}, func() {}
	if r.againstTopology != "" {
		args = append(args, "--topology", r.againstTopology)
	}
	if r.slice.recording == "" {
		f, err := os.CreateTemp(r.scratch, "rivusio-ranges-*.json")
		if err != nil {
			return nil, nil, err
		}
		remove = func() { os.Remove(f.Name()) }
		b, err := json.Marshal(map[string]any{"ranges": r.ranges})
		if err == nil {
			_, err = f.Write(b)
		}
		if err = errors.Join(err, f.Close()); err != nil {
			remove()
			return nil, nil, err
		}
		args = append(args, "--ranges", f.Name())
	}
	r.cmd.Flags().Visit(func(f *pflag.Flag) {
		if slices.Contains(ownFlags, f.Name) {
			return
		}
		args = append(args, "--"+f.Name+"="+f.Value.String())
	})
	return args, remove, nil
}

// explain finds the inputs of the first difference: in the new version, or in the old one if they are there alone.
func (r *replaying) explain(ctx context.Context, topologies []*topology.Topology, d *replay.Difference) (*replay.Explanation, error) {
	var best *replay.Explanation
	for _, t := range topologies {
		cfg, err := r.config(ctx, t, topologies...)
		if err != nil {
			return nil, err
		}
		e, err := replay.Explain(ctx, cfg, d)
		if err != nil {
			return nil, err
		}
		if best == nil || e.Total > best.Total {
			best = e
		}
	}
	return best, nil
}

// tellDifferences prints a comparison to standard output.
func (r *replaying) tellDifferences(c *replay.Comparison, first *replay.Explanation) error {
	w := bufio.NewWriter(r.cmd.OutOrStdout())
	for _, topic := range slices.Sorted(maps.Keys(c.Topics)) {
		n := c.Topics[topic]
		fmt.Fprintf(w, "%s: %s same, %s added, %s removed, %s changed\n", topic, grouped(n.Same), grouped(n.Added), grouped(n.Removed), grouped(n.Changed))
	}
	if c.Equal() {
		fmt.Fprintln(w, "no difference")
		return w.Flush()
	}
	for i := range c.Differences {
		d := &c.Differences[i]
		fmt.Fprintf(w, "%s %s %s", d.Kind, d.Topic, d.Key)
		if len(d.Fields) > 0 {
			fmt.Fprintf(w, " (%s)", strings.Join(d.Fields, ", "))
		}
		fmt.Fprintln(w)
		for _, side := range []struct {
			sign string
			line *replay.Line
		}{{"-", d.Old}, {"+", d.New}} {
			if side.line != nil {
				fmt.Fprintf(w, "  %s %s at %d, by %v\n", side.sign, side.line.Value, side.line.Timestamp, side.line.Cause)
			}
		}
		if i == 0 && first != nil {
			fmt.Fprintf(w, "  %s input records led to it, the last of them:\n", grouped(int64(first.Total)))
			for _, in := range first.Records {
				fmt.Fprintf(w, "    %v at %d: %s %s\n", in.Place, in.Timestamp, in.Key, in.Value)
			}
		}
	}
	return w.Flush()
}
