package rivusio

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/rivusio/rivusio/admin"
	"github.com/rivusio/rivusio/config"
	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/topology"
)

// serve starts the admin server of an application, if the configuration wants one; metrics answers /metrics, nil for nobody.
// The caller calls done when the application has ended, so that probes see it stop.
func serve(c *config.Config, t *topology.Topology, app *engine.App, metrics http.Handler, log *slog.Logger) (done func() error, err error) {
	if c.Admin == nil {
		return func() error { return nil }, nil
	}
	a := *c.Admin
	a.Application, a.Topology, a.Metrics, a.Logger = app, t.Describe(), metrics, log
	a.Errors = func() []admin.Failure { return failuresOf(app) }
	server, err := admin.Listen(a)
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve() }()
	log.Info("admin server listens", "url", server.URL())
	if server.Open() {
		log.Warn("everyone who reaches this machine can read what the admin server shows; set admin.token_file, or let it listen on 127.0.0.1 only")
	}
	return func() error { return errors.Join(server.Close(), <-ended) }, nil
}

// failuresOf are the last failures of each operator, as the admin server shows them.
func failuresOf(app *engine.App) []admin.Failure {
	var failures []admin.Failure
	for _, f := range app.Failures() {
		failures = append(failures, admin.Failure{
			Operator: f.Operator, Task: f.Task, Topic: f.Topic, Partition: f.Partition, Offset: f.Offset, Time: f.At, Attempts: f.Attempts,
			Action: f.Outcome, Error: f.Error,
		})
	}
	return failures
}
