package telemetry

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/operators"
)

// observer counts and times what the engine tells, and makes spans of it.
type observer struct {
	t      *Telemetry
	tracer trace.Tracer // nil without traces
	timer  *timer       // nil without metrics
}

func newObserver(t *Telemetry) *observer {
	o := &observer{t: t, timer: t.timer}
	if t.tracer != nil {
		o.tracer = t.tracer.Tracer
	}
	return o
}

// record adds a time to a histogram.
func (o *observer) record(name string, took time.Duration, attributes ...attribute.KeyValue) {
	if o.timer != nil {
		o.timer.histograms[name].Record(context.Background(), took.Seconds(), metric.WithAttributes(attributes...))
	}
}

// span makes a span of something that ended just now.
func (o *observer) span(name string, took time.Duration, opts ...trace.SpanStartOption) trace.Span {
	_, s := o.tracer.Start(context.Background(), name, append(opts, trace.WithTimestamp(time.Now().Add(-took)))...)
	return s
}

// CommitEnded implements engine.Observer.
func (o *observer) CommitEnded(i engine.CommitInfo) {
	outcome := "committed"
	if i.Aborted {
		outcome = "aborted"
		o.t.counts.aborts.add(i.Worker, 1)
	} else {
		o.t.counts.aborts.add(i.Worker, 0) // a counter that begins with its first event is one that no rate has
		o.t.counts.committed.add(i.Worker, i.Written)
	}
	o.record("rivusio.commit.duration", i.Took, worker(i.Worker), str(AttrOutcome, outcome))
	if i.Transaction > 0 {
		o.record("rivusio.transaction.duration", i.Transaction, worker(i.Worker), str(AttrOutcome, outcome))
	}
	if o.tracer == nil || len(i.Followed) == 0 && !i.Aborted {
		return
	}
	var links []trace.Link
	for _, s := range i.Followed[:min(len(i.Followed), maxLinks)] {
		if s, ok := s.(*span); ok {
			links = append(links, trace.Link{SpanContext: s.Span.SpanContext()})
		}
	}
	s := o.span("commit", i.Took, trace.WithSpanKind(trace.SpanKindClient), trace.WithLinks(links...), trace.WithAttributes(
		str(AttrSystem, "kafka"), str(AttrOperationName, "commit"), str(AttrOperationType, "settle"),
		worker(i.Worker), attribute.Int("rivusio.commit.tasks", i.Tasks), attribute.Int64("rivusio.commit.records", i.Written), str(AttrOutcome, outcome)))
	if i.Aborted {
		s.SetStatus(codes.Error, "aborted; the records are processed again")
	}
	s.End()
}

// maxLinks bounds the links of one span.
const maxLinks = 32

// RestoreEnded implements engine.Observer.
func (o *observer) RestoreEnded(i engine.RestoreInfo) {
	outcome := "kept"
	switch {
	case i.Rebuilt:
		outcome = "rebuilt"
	case i.Empty:
		outcome = "empty"
	}
	o.record("rivusio.restore.duration", i.Took, str(AttrStore, i.Store), str(AttrOutcome, outcome))
	if o.tracer != nil {
		o.span("restore "+i.Store, i.Took, trace.WithAttributes(str(AttrStore, i.Store), partition(i.Partition),
			attribute.Int64("rivusio.restore.records", i.Records), str(AttrOutcome, outcome))).End()
	}
}

// Rebalanced implements engine.Observer.
func (o *observer) Rebalanced(i engine.RebalanceInfo) {
	o.t.counts.rebalances.add(i.Worker, 1)
	if i.Took == 0 {
		return
	}
	o.record("rivusio.rebalance.duration", i.Took, worker(i.Worker))
	if o.tracer != nil {
		o.span("rebalance", i.Took, trace.WithAttributes(worker(i.Worker), attribute.Int("rivusio.worker.partitions", i.Partitions))).End()
	}
}

// OperatorFailed implements engine.Observer.
func (o *observer) OperatorFailed(i engine.FailureInfo) {
	o.t.counts.failures.add(failure{i.Operator, i.Outcome}, 1)
}

// BatchSent implements engine.Observer.
func (o *observer) BatchSent(i engine.BatchInfo) {
	o.t.counts.sent.add(topicPartition{i.Topic, i.Partition}, int64(i.Records))
}

// BatchFetched implements engine.Observer.
func (o *observer) BatchFetched(i engine.BatchInfo) {
	o.t.counts.consumed.add(topicPartition{i.Topic, i.Partition}, int64(i.Records))
}

// operations are the requests that messaging.client.operation.duration is about.
func operation(request string) string {
	switch request {
	case "Fetch":
		return "poll"
	case "Produce":
		return "send"
	case "EndTxn", "OffsetCommit":
		return "commit"
	}
	return ""
}

// RequestEnded implements engine.Observer.
func (o *observer) RequestEnded(i engine.RequestInfo) {
	name := operation(i.Request)
	if name == "" || o.timer == nil {
		return
	}
	failed := ""
	if i.Err != nil {
		failed = errorType(i.Err)
	}
	o.timer.histograms["messaging.client.operation.duration"].Record(context.Background(), i.Took.Seconds(),
		o.timer.of.get(optionKey{name, "", i.Broker, failed}, func() []attribute.KeyValue {
			of := []attribute.KeyValue{str(AttrSystem, "kafka"), str(AttrOperationName, name)}
			if host, port, err := net.SplitHostPort(i.Broker); err == nil {
				of = append(of, str(AttrServerAddress, host))
				if n, err := strconv.Atoi(port); err == nil {
					of = append(of, attribute.Int(AttrServerPort, n))
				}
			}
			if failed != "" {
				of = append(of, str(AttrErrorType, failed))
			}
			return of
		})...)
}

// errorType is an error as an attribute: of few values, whatever its text is.
func errorType(err error) string {
	var panicked *operators.PanicError
	var decode *operators.DecodeError
	var network net.Error
	switch {
	case errors.As(err, &panicked):
		return "panic"
	case errors.As(err, &decode):
		return "decode"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &network) && network.Timeout():
		return "timeout"
	case strings.Contains(err.Error(), "panic"):
		return "panic"
	}
	return "_OTHER"
}
