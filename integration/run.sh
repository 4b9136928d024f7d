#!/usr/bin/env bash
# Runs the integration tests against KAFKA_BROKERS or, without it, a broker of its own that is deleted afterwards.
#   run.sh [FLAGS OF GO TEST...]      e.g. run.sh -run Kill -v
# KAFKA_PORT (default 19192) is the port of the own broker, INTEGRATION_TIMEOUT (default 25m) the bound on all tests together.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export GOTOOLCHAIN=auto
if [[ ! ${KAFKA_BROKERS:-} ]]; then
  port=${KAFKA_PORT:-19192}
  trap '"$here/kafka/kafka.sh" clean "$port"' EXIT
  # A test waits until the broker has looked for expired records.
  KAFKA_BROKERS=$(KAFKA_OPTS="log.retention.check.interval.ms=2000 ${KAFKA_OPTS:-}" "$here/kafka/kafka.sh" start "$port")
  export KAFKA_BROKERS
fi
echo "integration tests against $KAFKA_BROKERS" >&2
cd "$here/.."
go test -tags integration -count=1 -timeout "${INTEGRATION_TIMEOUT:-25m}" "$@" ./integration/...
