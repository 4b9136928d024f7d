# bench/processor with all metrics pushed to OVERHEAD_COLLECTOR every second.
. "$BENCH/suts/processor.sh"
eval "plain_$(declare -f sut_command)"
sut_command() { echo "env OTEL_EXPORTER_OTLP_ENDPOINT=$OVERHEAD_COLLECTOR OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_METRIC_EXPORT_INTERVAL=1000" \
  "OTEL_TRACES_EXPORTER=none OTEL_LOGS_EXPORTER=none $(plain_sut_command "$@")"; }
