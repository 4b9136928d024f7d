// Package telemetry shows what a processor does: metrics, traces and logs by OpenTelemetry.
//
// [New] makes the exporters that a [Config] and the standard OTEL_ variables name. [Telemetry.Configure] lets the engine tell
// it what happens, and [Telemetry.Observe] makes the figures of an App instruments. Without any setting nothing is exported
// and nothing is measured.
//
// Rules:
//   - [Metrics] is the one table of metrics; instruments, documentation, dashboards and alerts are made from it.
//   - No attribute is made from a key or a value of a record.
//   - Counters are plain fields of the tasks, read when metrics are collected; only times are recorded as they come, and
//     those of one record in [Config].TimeOneIn.
//   - A trace goes on in the headers of records (W3C Trace Context), through stores and internal topics too.
//
// It serves nothing by itself: [Telemetry.Handler] is for the HTTP server of the program. It sets no global provider; it does
// set the global error handler of OpenTelemetry, which is the only way to errors of exporters.
package telemetry
