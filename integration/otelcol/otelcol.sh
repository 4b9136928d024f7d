#!/usr/bin/env bash
# Prints the path of an OpenTelemetry Collector: OTELCOL if that is set, else one with the components of main.go, which is built once
# into a cache. A build takes a minute or two.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [[ ${OTELCOL:-} ]]; then
  echo "$OTELCOL"
  exit
fi
export GOTOOLCHAIN=auto CGO_ENABLED=0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rivusio/otelcol
version=$(cat "$here"/go.mod "$here"/main.go | cksum | cut -d' ' -f1)
binary=$cache/otelcol-$version
if [[ ! -x $binary ]]; then
  mkdir -p "$cache"
  echo "building the collector into $cache" >&2
  go -C "$here" build -trimpath -ldflags='-s -w' -o "$binary.$$" .
  mv "$binary.$$" "$binary"
fi
echo "$binary"
