#!/usr/bin/env bash
# Makes random scenarios with the oracle and compares on them: fresh.sh COUNT SEED...
# Needs a JDK 17 or newer and Maven, like the oracle. The scenarios stay in FRESH_DIR, by seed, to be looked at.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
count=${1:?"usage: fresh.sh COUNT SEED..."}
shift
out=${FRESH_DIR:-${TMPDIR:-/tmp}/conformance-fresh}
made=()
for seed in "$@"; do
  to=$out/$seed
  # A seed gives the same scenarios every time, as long as the oracle is the same.
  if [[ ! -e $to/made-$count || -n $(find "$here/oracle" -type f -newer "$to/made-$count") ]]; then
    rm -rf "$to"
    "$here/oracle/run.sh" gen --seed "$seed" --count "$count" --out "$to" >&2
    touch "$to/made-$count"
  fi
  made+=("$to")
done
exec go -C "$here/../.." run ./integration/conformance/cmd/conformance "${made[@]}"
