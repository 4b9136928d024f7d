#!/usr/bin/env bash
# Brings deployments/docker-compose.yml up from nothing, works with it and takes it down with its volumes.
#   compose.sh [FLAGS OF GO TEST...]      e.g. compose.sh -v
# Needs a Docker engine with compose and the images that the file names; without them it says so and leaves the test out.
# COMPOSE_REQUIRED=1 makes that a failure. KEEP=1 leaves everything running.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export GOTOOLCHAIN=auto
file=$here/../deployments/docker-compose.yml
left_out() {
  echo "NOTICE integration-compose is LEFT OUT: $*" >&2
  [[ ! ${COMPOSE_REQUIRED:-} ]] || exit 1
  exit 0
}
command -v docker >/dev/null || left_out "there is no docker command"
docker version >/dev/null 2>&1 || left_out "no Docker engine answers"
docker compose version >/dev/null 2>&1 || left_out "docker has no compose"
for image in $(docker compose -f "$file" config --images | grep -v '^rivusio/' | sort -u) golang:1.27.4 gcr.io/distroless/static-debian12:nonroot; do
  docker image inspect "$image" >/dev/null 2>&1 || docker pull -q "$image" >/dev/null 2>&1 || left_out "image $image is not here and cannot be pulled"
done
cd "$here/.."
exec go test -tags compose -count=1 -timeout "${COMPOSE_TIMEOUT:-15m}" -run TestCompose "$@" ./integration
