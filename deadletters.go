package rivusio

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/config"
	"github.com/rivusio/rivusio/engine"
)

func deadLettersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dlq",
		Short: "List dead letters, show them, and send them where they came from",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(deadLettersListCommand(), deadLettersShowCommand(), deadLettersRedriveCommand())
	return cmd
}

// brokers is the configuration of a command that needs the cluster and no topology.
func brokers(cmd *cobra.Command) (*config.Config, error) {
	c, err := load(cmd)
	if err != nil {
		return nil, err
	}
	c.Engine.Logger = newLogger(c.Log, cmd.ErrOrStderr())
	return c, nil
}

// deadLetterFilter chooses dead letters by flags.
type deadLetterFilter struct {
	operator, origin string
	partition        int32
	offset           int64
}

func (f *deadLetterFilter) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.operator, "operator", "", "only those of the operator with this `name`")
	cmd.Flags().StringVar(&f.origin, "from", "", "only those of records of this `topic`")
	cmd.Flags().Int32Var(&f.partition, "partition", -1, "only those in this `partition` of the topic of dead letters")
	cmd.Flags().Int64Var(&f.offset, "offset", -1, "only the one at this `offset`; needs --partition")
}

func (f *deadLetterFilter) check() error {
	if f.offset >= 0 && f.partition < 0 {
		return &usageError{"--offset needs --partition"}
	}
	return nil
}

func (f *deadLetterFilter) any() bool {
	return f.operator != "" || f.origin != "" || f.partition >= 0 || f.offset >= 0
}

func (f *deadLetterFilter) keep(d engine.DeadLetter) bool {
	return (f.operator == "" || d.Operator == f.operator) && (f.origin == "" || d.Origin.Topic == f.origin) &&
		(f.partition < 0 || d.Partition == f.partition) && (f.offset < 0 || d.Offset == f.offset)
}

var errEnough = errors.New("enough")

func deadLettersListCommand() *cobra.Command {
	var (
		filter deadLetterFilter
		limit  int
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "list TOPIC",
		Short: "List the dead letters of a topic",
		Long:  "List the dead letters that a topic has, by partition and offset. Keys and values are not shown, see dlq show.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := filter.check(); err != nil {
				return err
			}
			c, err := brokers(cmd)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			lines := json.NewEncoder(out)
			if !asJSON {
				fmt.Fprintln(w, "PARTITION\tOFFSET\tFAILED AT\tOPERATOR\tFROM\tTRIES\tERROR")
			}
			n := 0
			err = engine.ReadDeadLetters(cmd.Context(), c.Engine, args[0], func(d engine.DeadLetter) error {
				if !filter.keep(d) {
					return nil
				}
				if n++; limit > 0 && n > limit {
					return errEnough
				}
				if asJSON {
					return lines.Encode(letterJSON(&d, false))
				}
				_, err := fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%s\t%d\t%s\n", d.Partition, d.Offset, d.FailedAt, orDash(d.Operator), originOf(&d), d.Attempts, firstLine(d.Message))
				return err
			})
			if errors.Is(err, errEnough) {
				err = nil
			}
			return errors.Join(w.Flush(), err)
		},
	}
	filter.register(cmd)
	cmd.Flags().IntVar(&limit, "limit", 0, "at most this `number`; 0: all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "a line of JSON for each")
	configure(cmd)
	return cmd
}

func deadLettersShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show TOPIC PARTITION OFFSET",
		Short: "Show a dead letter with its key, value and headers",
		Args:  cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			partition, err := strconv.ParseInt(args[1], 10, 32)
			if err != nil || partition < 0 {
				return &usageError{fmt.Sprintf("partition %q is not a number", args[1])}
			}
			offset, err := strconv.ParseInt(args[2], 10, 64)
			if err != nil || offset < 0 {
				return &usageError{fmt.Sprintf("offset %q is not a number", args[2])}
			}
			c, err := brokers(cmd)
			if err != nil {
				return err
			}
			filter := deadLetterFilter{partition: int32(partition), offset: offset}
			err = engine.ReadDeadLetters(cmd.Context(), c.Engine, args[0], func(d engine.DeadLetter) error {
				if !filter.keep(d) {
					return nil
				}
				if asJSON {
					return errors.Join(errEnough, json.NewEncoder(cmd.OutOrStdout()).Encode(letterJSON(&d, true)))
				}
				return errors.Join(errEnough, printLetter(cmd.OutOrStdout(), &d))
			})
			switch {
			case err == nil:
				return fmt.Errorf("topic %q, partition %d, has no record at offset %d", args[0], partition, offset)
			case errors.Is(err, errEnough):
				return nil
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON; key, value and headers in base64")
	configure(cmd)
	return cmd
}

func deadLettersRedriveCommand() *cobra.Command {
	var (
		filter deadLetterFilter
		r      engine.Redrive
	)
	cmd := &cobra.Command{
		Use:   "redrive TOPIC",
		Short: "Send dead letters where they came from",
		Long: "Send dead letters to the topic and partition of their input records, with the bytes, the headers and the timestamp that they\n" +
			"had there. Without a filter those are sent that no such run has sent before: how far it got is committed with them, as offsets\n" +
			"of the group TOPIC-redrive. With a filter the ones that match are sent, however often. Dead letters that come while it runs are\n" +
			"left for the next time. Operators above the one that failed see the record again.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := filter.check(); err != nil {
				return err
			}
			c, err := brokers(cmd)
			if err != nil {
				return err
			}
			r.Topic = args[0]
			if filter.any() {
				r.Select = filter.keep
			}
			done, err := engine.RedriveDeadLetters(cmd.Context(), c.Engine, r)
			what := "sent"
			if r.DryRun {
				what = "would be sent"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d %s\n", done.Sent, what)
			if done.Left > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "%d cannot be sent: they are no input records, but were made of several by operators (dlq show says which)\n", done.Left)
			}
			return err
		},
	}
	filter.register(cmd)
	cmd.Flags().StringVar(&r.To, "to", "", "send them to this `topic`, by key")
	cmd.Flags().BoolVar(&r.DryRun, "dry-run", false, "only count them")
	configure(cmd)
	return cmd
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func originOf(d *engine.DeadLetter) string {
	if d.Origin.Topic == "" {
		return "-"
	}
	return fmt.Sprintf("%s/%d/%d", d.Origin.Topic, d.Origin.Partition, d.Origin.Offset)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// letter is a dead letter as JSON.
type letter struct {
	Partition   int32          `json:"partition"`
	Offset      int64          `json:"offset"`
	Timestamp   time.Time      `json:"timestamp"`
	FailedAt    string         `json:"failed_at,omitempty"`
	Application string         `json:"application,omitempty"`
	Operator    string         `json:"operator,omitempty"`
	Task        string         `json:"task,omitempty"`
	Attempts    int            `json:"attempts,omitempty"`
	Exception   string         `json:"exception,omitempty"`
	Error       string         `json:"error,omitempty"`
	Stacktrace  string         `json:"stacktrace,omitempty"`
	From        *letterOrigin  `json:"from,omitempty"`
	Input       bool           `json:"input"` // key and value are those of the input record
	Record      *letterContent `json:"record,omitempty"`
}

type letterOrigin struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

type letterContent struct {
	Key     []byte         `json:"key"`
	Value   []byte         `json:"value"`
	Headers []letterHeader `json:"headers"`
}

type letterHeader struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
}

func letterJSON(d *engine.DeadLetter, content bool) letter {
	l := letter{
		Partition: d.Partition, Offset: d.Offset, Timestamp: d.Timestamp.UTC(), FailedAt: d.FailedAt, Application: d.Application, Operator: d.Operator,
		Task: d.Task, Attempts: d.Attempts, Exception: d.Exception, Error: d.Message, Input: d.OfInput,
	}
	if d.Origin.Topic != "" {
		l.From = &letterOrigin{d.Origin.Topic, d.Origin.Partition, d.Origin.Offset}
	}
	if content {
		l.Stacktrace = d.Stacktrace
		l.Record = &letterContent{Key: d.Key, Value: d.Value, Headers: []letterHeader{}}
		for _, h := range d.Headers {
			l.Record.Headers = append(l.Record.Headers, letterHeader(h))
		}
	}
	return l
}

func printLetter(to io.Writer, d *engine.DeadLetter) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	line("place", fmt.Sprintf("partition %d, offset %d", d.Partition, d.Offset))
	line("timestamp", d.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z"))
	line("failed at", d.FailedAt)
	line("application", d.Application)
	line("operator", d.Operator)
	line("task", d.Task)
	line("from", originOf(d))
	if d.Attempts > 0 {
		line("attempts", strconv.Itoa(d.Attempts))
	}
	line("error", d.Message)
	line("cause", d.Exception)
	record := "of the input"
	if !d.OfInput {
		record = "made of several, as it came to the operator"
	}
	line("record", record)
	line("key", readable(d.Key))
	line("value", readable(d.Value))
	for _, h := range d.Headers {
		line("header", h.Key+": "+readable(h.Value))
	}
	if err := w.Flush(); err != nil || d.Stacktrace == "" {
		return err
	}
	_, err := fmt.Fprintf(to, "\n%s\n", strings.TrimRight(d.Stacktrace, "\n"))
	return err
}

// readable is text as it is, and anything else in hexadecimal.
func readable(b []byte) string {
	switch {
	case b == nil:
		return "null"
	case !utf8.Valid(b) || strings.ContainsFunc(string(b), func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Sprintf("%x (%d bytes)", b, len(b))
	}
	return string(b)
}
