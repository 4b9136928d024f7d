#!/usr/bin/env bash
# Runs queries on systems under test, one after the other against one local broker, and prints a table.
#   run.sh [--suts "A B"] [--queries "q0 q5"] [--modes "alos:5000 eos:100"] [--reps K] [--events N] [--keyed-events N]
#          [--shuffle-events N] [--partitions P] [--port PORT] [--out DIR] [--keep] [--no-pin]
# A system under test is the name of a file in suts/ or a path with a slash to a file like those.
# KAFKA_BROKERS="host:port,..." uses that cluster instead of starting a broker; its loaded topics stay.
# --keep leaves the own broker and the loaded topics for the next call. See README.md.
set -euo pipefail
BENCH=$(cd "$(dirname "$0")" && pwd)
suts="kafka-streams passthrough processor"
queries="raw q0 q1 q2 q3 q5 q7 q8 q11 keyed-count keyed-count-nocache shuffle"
modes="alos:5000 eos:100 eos:1000"
reps=3 events=2000000 keyed_events=2000000 shuffle_events=500000 partitions=4 port=19092
out=bench-results keep= broker_pin="taskset -c 0" sut_pin="taskset -c 1"
if ! command -v taskset >/dev/null || (($(nproc) < 2)); then
  echo "run.sh: no taskset or a single CPU: broker and systems are not pinned, figures per core are less steady" >&2
  broker_pin= sut_pin=
fi
while (($#)); do
  case $1 in
    --suts) suts=$2; shift 2 ;;
    --queries) queries=$2; shift 2 ;;
    --modes) modes=$2; shift 2 ;;
    --reps) reps=$2; shift 2 ;;
    --events) events=$2; shift 2 ;;
    --keyed-events) keyed_events=$2; shift 2 ;;
    --shuffle-events) shuffle_events=$2; shift 2 ;;
    --partitions) partitions=$2; shift 2 ;;
    --port) port=$2; shift 2 ;;
    --out) out=$2; shift 2 ;;
    --keep) keep=1; shift ;;
    --no-pin) broker_pin= sut_pin=; shift ;;
    *) sed -n '2,8p' "$0"; exit 2 ;;
  esac
done
mkdir -p "$out"; out=$(cd "$out" && pwd)
WORK=$out/work; mkdir -p "$WORK"; export BENCH WORK
kafka=$BENCH/../integration/kafka/kafka.sh
bootstrap=${KAFKA_BROKERS:-127.0.0.1:$port}
say() { echo "$(date +%T) $*" >&2; }

(cd "$BENCH/kit" && GOTOOLCHAIN=auto go build -o "$WORK/kit" .)
kit() { local c=$1; shift; $broker_pin "$WORK/kit" "$c" --bootstrap "$bootstrap" "$@"; }
# A system is a name in suts/ or the path of a file like those.
sut_file() { case $1 in */*) echo "$1" ;; *) echo "$BENCH/suts/$1.sh" ;; esac; }
for sut in $suts; do (. "$(sut_file "$sut")"; sut_build); done

if [[ ! ${KAFKA_BROKERS:-} ]]; then
  [[ $keep ]] || trap '"$kafka" clean "$port"' EXIT
  KAFKA_CPUS=${broker_pin:+0} "$kafka" start "$port" >&2
fi

data_of() { case $1 in keyed-count*) echo keyed ;; shuffle) echo shuffle ;; *) echo nexmark ;; esac; }
events_of() { case $(data_of "$1") in keyed) echo "$keyed_events" ;; shuffle) echo "$shuffle_events" ;; *) echo "$events" ;; esac; }
topic_of() { echo "$(data_of "$1")-$(events_of "$1")-$partitions"; }

for q in $queries; do
  kit gen --data "$(data_of "$q")" --topic "$(topic_of "$q")" --events "$(events_of "$q")" --partitions "$partitions" >&2
  expected=$out/expected-$q-$(events_of "$q")-$partitions
  [[ -s $expected ]] || kit expect --query "$q" --events "$(events_of "$q")" --partitions "$partitions" >"$expected"
done

stamp=$(date +%s)
results=$out/results.jsonl
: >"$out/mismatch.log"
for ((rep = 1; rep <= reps; rep++)); do
  for q in $queries; do
    for mode in $modes; do
      guarantee=${mode%:*} commit=${mode#*:}
      for sut in $suts; do
        s=$(basename "$sut" .sh)
        (. "$(sut_file "$sut")"; [[ " $sut_queries " == *" $q "* ]]) || continue
        app=bench-$s-$q-$guarantee-$commit-$stamp-$rep
        state=$WORK/state-$app; rm -rf "$state"; mkdir -p "$state"
        kit prepare --app-id "$app" --partitions "$partitions"
        command=$(. "$(sut_file "$sut")"; sut_command "$q" "$bootstrap" "$app" "$guarantee" "$commit" "$state" "$(topic_of "$q")")
        ok=1
        measured=$(kit drain --app-id "$app" --input "$(topic_of "$q")" --guarantee "$guarantee" --state-dir "$state" \
          --log "$out/$app.log" --trace "$out/$app.trace" -- $sut_pin bash -c "exec $command") || ok=
        latest=; [[ $q == keyed-count ]] && latest=--latest
        read -r count hash < <(kit check --topic "$app-out" $latest || echo "0 unreadable")
        read -r want_count want_hash <"$out/expected-$q-$(events_of "$q")-$partitions"
        [[ $hash == "$want_hash" && $count == "$want_count" ]] || {
          echo "$app: $count $hash, expected $want_count $want_hash" | tee -a "$out/mismatch.log" >&2
        }
        kit cleanup --app-id "$app"; rm -rf "$state"
        [[ $measured ]] || measured='{}'
        echo "{\"sut\":\"$s\",\"query\":\"$q\",\"mode\":\"$mode\",\"rep\":$rep,\"events_loaded\":$(events_of "$q"),\"count\":$count,\"hash\":\"$hash\",\"want_count\":$want_count,\"want_hash\":\"$want_hash\",\"run\":$measured}" >>"$results"
        say "$s $q $mode $rep ${ok:-FAILED} $(kit table --brief --results "$results")"
      done
    done
  done
done
kit table --results "$results" --json "$out/summary.json" | tee "$out/table.txt"
