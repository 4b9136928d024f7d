#!/usr/bin/env bash
# Builds the processor twice, from two folders and with nothing cached by the other, and compares the two files.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=auto CGO_ENABLED=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for folder in here elsewhere; do
  git archive --prefix=$folder/ HEAD | tar -x -C "$scratch"
done
build() { go build -trimpath -buildvcs=false -ldflags "-s -w -buildid=" -o "$1" ./cmd/processor; }
(cd "$scratch/here" && build "$scratch/one")
(cd "$scratch/elsewhere" && GOCACHE=$scratch/cache build "$scratch/two")
(cd "$scratch" && sha256sum one two)
cmp "$scratch/one" "$scratch/two" && echo "reproducible: the same $(stat -c %s "$scratch/one") bytes twice"
