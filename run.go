package rivusio

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rivusio/rivusio/config"
	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/telemetry"
)

func (p *program) runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run [FILE]",
		Short: "Run a topology until it is stopped",
		Long: `Run a topology on a Kafka cluster until SIGINT or SIGTERM: that of a file, or one of the program.

A stop processes no further record, commits, and keeps or hands over the partitions as stop_policy says. A second signal
ends the process at once; nothing is lost by that, but others wait for the session to time out.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE:              p.run,
	}
	p.configure(cmd)
	return cmd
}

func (p *program) run(cmd *cobra.Command, args []string) (err error) {
	c, err := load(cmd)
	if err != nil {
		return err
	}
	log := newLogger(c.Log, cmd.ErrOrStderr())
	t, done, err := p.chosen(cmd, args, selected(c), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	c.Telemetry.Scrape = c.Admin != nil
	tel, shutdown, err := startTelemetry(cmd.Context(), c.Telemetry, t.Application(), log)
	if err != nil {
		return err
	}
	defer shutdown()
	log = slog.New(tel.LogHandler(log.Handler()))
	c.Engine.Logger = log
	if _, set := os.LookupEnv("GOMEMLIMIT"); c.Engine.MemoryLimit > 0 && !set {
		debug.SetMemoryLimit(c.Engine.MemoryLimit)
	}
	tel.Configure(&c.Engine)
	app, err := engine.New(t, c.Engine)
	if err != nil {
		return err
	}
	defer tel.Observe(app)()
	served, err := serve(c, t, app, tel.Handler(), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, served()) }()
	log.Info("starting", "topology", t.Application(), "brokers", c.Engine.Brokers, "version", version())
	if err := app.Run(cmd.Context()); err != nil {
		return err
	}
	log.Info("stopped", "topology", t.Application())
	return nil
}

// telemetryTimeout bounds the export of what is left at the end.
const telemetryTimeout = 5 * time.Second

// startTelemetry makes the exporters of a processor. What they could not deliver at the end is logged and no error: the work is
// done.
func startTelemetry(ctx context.Context, c telemetry.Config, application string, log *slog.Logger) (_ *telemetry.Telemetry, shutdown func(), err error) {
	c.Service, c.Version, c.Logger = application, version(), log
	t, err := telemetry.New(ctx, c)
	if err != nil {
		return nil, nil, &usageError{err.Error()}
	}
	return t, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), telemetryTimeout)
		defer cancel()
		if err := t.Shutdown(ctx); err != nil {
			log.Warn("the last telemetry was not exported", "error", err)
		}
	}, nil
}

// configure gives a command the flags of the configuration.
func (p *program) configure(cmd *cobra.Command) {
	configure(cmd)
	cmd.RegisterFlagCompletionFunc("topology", p.completeTopologies)
}

// configure gives a command the flags of the configuration.
func configure(cmd *cobra.Command) {
	config.AddFlags(cmd.Flags())
	cmd.MarkFlagFilename(config.FileFlag, "yaml", "yml")
	cmd.MarkFlagDirname(pluginsFlag)
}

// load reads the configuration of a command.
func load(cmd *cobra.Command) (*config.Config, error) {
	return config.Load(config.Sources{Environ: os.Environ(), Flags: cmd.Flags()})
}

// newLogger makes the logger that the configuration asks for.
func newLogger(c config.Log, to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level}
	if c.Format == config.LogText || c.Format == config.LogAuto && isTerminal(to) {
		return slog.New(slog.NewTextHandler(to, options))
	}
	return slog.New(slog.NewJSONHandler(to, options))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
