#!/usr/bin/env bash
# What telemetry costs: runs queries without it, with all metrics, and with metrics and traces of one record in 100 (with the limit of
# traces in a second), in turn, and prints the ratio of CPU time per event to the run without of the same turn: the median, and the range.
#   overhead.sh [--queries "q1 keyed-count"] [--suts "processor-every-trace"] [--reps 10] [--events N] [--out DIR]
# Everything goes to a real collector, which writes it into files; it shares the CPU of the broker. See run.sh for KAFKA_BROKERS.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
queries="q1 keyed-count" suts="processor-metrics processor-traces" reps=10 events=3000000 out=bench-overhead port=4399
while (($#)); do
  case $1 in
    --queries) queries=$2; shift 2 ;;
    --suts) suts=$2; shift 2 ;;
    --reps) reps=$2; shift 2 ;;
    --events) events=$2; shift 2 ;;
    --out) out=$2; shift 2 ;;
    *) sed -n '2,7p' "$0"; exit 2 ;;
  esac
done
mkdir -p "$out"; out=$(cd "$out" && pwd)
rm -f "$out/results.jsonl"
collector=$("$here/../integration/otelcol/otelcol.sh")
sed "s|DIR|$out|; s|PORT|$port|" "$here/../integration/otelcol/config.yaml" >"$out/collector.yaml"
pin=; command -v taskset >/dev/null && pin="taskset -c 0"
$pin "$collector" --config "file:$out/collector.yaml" 2>"$out/collector.log" &
pid=$!
trap 'kill "$pid"; rm -f "$out"/{traces,metrics,logs}.json' EXIT
export OVERHEAD_COLLECTOR=http://127.0.0.1:$port
"$here/run.sh" --suts "processor $suts" --queries "$queries" --modes eos:100 --reps "$reps" \
  --events "$events" --keyed-events "$events" --out "$out"
(cd "$here/kit" && GOTOOLCHAIN=auto go run . overhead --results "$out/results.jsonl" --base processor)
