package telemetry_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"context"

	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/telemetry"
)

func TestLimitTellsHowManyWereHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(telemetry.Limit(slog.NewTextHandler(&out, nil), 3, 10*time.Second)).With("worker", 1)
		for range 10 {
			log.Warn("again")
		}
		log.Warn("other")
		if got := strings.Count(out.String(), "msg=again"); got != 3 {
			t.Errorf("%d records passed, want 3:\n%s", got, &out)
		}
		out.Reset()
		time.Sleep(10 * time.Second)
		log.Warn("again")
		if got := out.String(); !strings.Contains(got, "suppressed=7") || !strings.Contains(got, "worker=1") {
			t.Errorf("the first record after the interval does not say that 7 were held back:\n%s", got)
		}
		for range 5 {
			log.Warn("again")
		}
		out.Reset()
		time.Sleep(20 * time.Second)
		log.Info("something else")
		if got := out.String(); !strings.Contains(got, "msg=again") || !strings.Contains(got, "suppressed=3") {
			t.Errorf("nothing says that 3 were held back:\n%s", got)
		}
	})
}

func TestErrorsSayWhereTheyHappened(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(telemetry.Annotate(slog.NewTextHandler(&out, nil)))
	err := fmt.Errorf("wrapped: %w", &operators.Error{
		Operator: "parse", Task: "0_3", Origin: operators.Origin{Topic: "orders", Partition: 3, Offset: 17}, Key: []byte("secret"), Err: errors.New("no"),
	})
	log.Error("failed", "error", err)
	for _, want := range []string{"operator=parse", "task=0_3", "topic=orders", "partition=3", "offset=17"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing in %s", want, &out)
		}
	}
}

type logSink struct{ records []sdklog.Record }

func (s *logSink) OnEmit(_ context.Context, r *sdklog.Record) error {
	s.records = append(s.records, r.Clone())
	return nil
}
func (s *logSink) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }
func (s *logSink) Shutdown(context.Context) error                         { return nil }
func (s *logSink) ForceFlush(context.Context) error                       { return nil }

func TestLogsAreExportedAsTheyAreWritten(t *testing.T) {
	var sink logSink
	tel, err := telemetry.New(t.Context(), telemetry.Config{LogProcessors: []sdklog.Processor{&sink}, Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	log := slog.New(tel.LogHandler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo})))
	log.Debug("too little")
	log.With("worker", 3).Info("hello", "task", "0_1")
	if len(sink.records) != 1 || sink.records[0].Body().AsString() != "hello" || sink.records[0].AttributesLen() != 2 {
		t.Errorf("exported %d records, want hello with its attributes: %+v", len(sink.records), sink.records)
	}
	if !strings.Contains(out.String(), "msg=hello") {
		t.Errorf("not written: %s", &out)
	}
}
