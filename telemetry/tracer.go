package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/rivusio/rivusio/operators"
)

// tracer makes the spans of records. It implements operators.Tracer.
type tracer struct{ trace.Tracer }

// span is a span with the context that others are begun in.
type span struct {
	trace.Span
	ctx context.Context
}

// End implements operators.Span.
func (s *span) End(err error) {
	if err != nil {
		s.RecordError(err)
		s.SetStatus(codes.Error, err.Error())
		s.SetAttributes(str(AttrErrorType, errorType(err)))
	}
	s.Span.End()
}

// carrier is the headers of a record for a propagator.
type carrier struct{ headers []operators.Header }

// Get implements propagation.TextMapCarrier.
func (c *carrier) Get(key string) string {
	v, _ := operators.HeaderValue(c.headers, key)
	return string(v)
}

// Set implements propagation.TextMapCarrier. It copies the headers, which may be those of another record too.
func (c *carrier) Set(key, value string) {
	c.headers = operators.WithHeader(c.headers, key, []byte(value))
}

// Keys implements propagation.TextMapCarrier.
func (c *carrier) Keys() []string {
	keys := make([]string, len(c.headers))
	for i, h := range c.headers {
		keys[i] = h.Key
	}
	return keys
}

// inject puts a context into headers.
func inject(ctx context.Context, headers []operators.Header) []operators.Header {
	c := carrier{headers}
	propagation.TraceContext{}.Inject(ctx, &c)
	return c.headers
}

// extract is the context that headers tell.
func extract(headers []operators.Header) context.Context {
	return propagation.TraceContext{}.Extract(context.Background(), &carrier{headers})
}

func (t *tracer) begin(ctx context.Context, name string, kind trace.SpanKind, opts ...trace.SpanStartOption) *span {
	ctx, s := t.Start(ctx, name, append(opts, trace.WithSpanKind(kind))...)
	return &span{s, ctx}
}

// Receive implements operators.Tracer.
func (t *tracer) Receive(r *operators.Received) (operators.Span, []operators.Header) {
	attributes := []attribute.KeyValue{
		str(AttrSystem, "kafka"), str(AttrOperationName, "process"), str(AttrOperationType, "process"),
		str(AttrTopic, r.Origin.Topic), partition(r.Origin.Partition), attribute.Int64(AttrOffset, r.Origin.Offset),
		str(AttrGroup, r.Application), str(AttrTask, r.Task),
	}
	if r.NullValue {
		attributes = append(attributes, attribute.Bool(AttrTombstone, true))
	}
	opts := []trace.SpanStartOption{trace.WithAttributes(attributes...)}
	if r.Poll != nil {
		opts = append(opts, trace.WithLinks(trace.Link{SpanContext: t.polled(r)}))
	}
	s := t.begin(extract(r.Headers), "process "+r.Origin.Topic, trace.SpanKindConsumer, opts...)
	return s, inject(s.ctx, r.Headers)
}

// polled is the span of the poll that fetched a record. It is made for the first traced record of the poll, and is in a trace
// of its own: the records of a poll are of many.
func (t *tracer) polled(r *operators.Received) trace.SpanContext {
	if known, ok := r.Poll.Span.(trace.SpanContext); ok {
		return known
	}
	_, s := t.Start(context.Background(), "poll "+r.Origin.Topic, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(r.Poll.Began), trace.WithAttributes(
		str(AttrSystem, "kafka"), str(AttrOperationName, "poll"), str(AttrOperationType, "receive"), str(AttrTopic, r.Origin.Topic),
		str(AttrGroup, r.Application), str(AttrClient, r.Poll.Client), attribute.Int(AttrBatchCount, r.Poll.Records)))
	s.End(trace.WithTimestamp(r.Poll.Began.Add(max(r.Poll.Took, time.Nanosecond))))
	r.Poll.Span = s.SpanContext()
	return s.SpanContext()
}

func operatorAttributes(c *operators.Context) trace.SpanStartEventOption {
	return trace.WithAttributes(str(AttrOperator, c.Operator()), str(AttrOperation, c.Op()), str(AttrTask, c.Task()))
}

// Operate implements operators.Tracer.
func (t *tracer) Operate(parent operators.Span, c *operators.Context) operators.Span {
	return t.begin(parent.(*span).ctx, c.Operator(), trace.SpanKindInternal, operatorAttributes(c))
}

// Send implements operators.Tracer. The span ends when the producer has taken the record; the commit says what became of it.
func (t *tracer) Send(parent operators.Span, c *operators.Context, o *operators.Output) operators.Span {
	attributes := []attribute.KeyValue{
		str(AttrSystem, "kafka"), str(AttrOperationName, "send"), str(AttrOperationType, "send"),
		str(AttrTopic, o.Topic), partition(o.Partition), str(AttrOperator, c.Operator()), str(AttrTask, c.Task()),
	}
	if o.Value == nil {
		attributes = append(attributes, attribute.Bool(AttrTombstone, true))
	}
	s := t.begin(parent.(*span).ctx, "send "+o.Topic, trace.SpanKindProducer, trace.WithAttributes(attributes...))
	o.Headers = inject(s.ctx, o.Headers)
	return s
}

// Resume implements operators.Tracer.
func (t *tracer) Resume(c *operators.Context, headers []operators.Header) (operators.Span, []operators.Header) {
	s := t.begin(extract(headers), "resume "+c.Operator(), trace.SpanKindInternal, operatorAttributes(c))
	return s, inject(s.ctx, headers)
}

// Close implements operators.Tracer.
func (t *tracer) Close(c *operators.Context, headers []operators.Header, links []string) (operators.Span, []operators.Header) {
	to := make([]trace.Link, 0, min(len(links), maxLinks))
	for _, link := range links[max(0, len(links)-maxLinks):] {
		from := extract([]operators.Header{{Key: operators.TraceParent, Value: []byte(link)}})
		to = append(to, trace.Link{SpanContext: trace.SpanContextFromContext(from)})
	}
	s := t.begin(context.Background(), "close "+c.Operator(), trace.SpanKindInternal, operatorAttributes(c), trace.WithNewRoot(), trace.WithLinks(to...))
	return s, inject(s.ctx, operators.WithoutHeader(headers, "tracestate"))
}
