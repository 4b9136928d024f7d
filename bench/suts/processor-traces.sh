# The same with traces of one record in 100.
. "$BENCH/suts/processor.sh"
eval "plain_$(declare -f sut_command)"
sut_command() { echo "env OTEL_EXPORTER_OTLP_ENDPOINT=$OVERHEAD_COLLECTOR OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_METRIC_EXPORT_INTERVAL=1000" \
  "OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.01 OTEL_LOGS_EXPORTER=none $(plain_sut_command "$@")"; }
