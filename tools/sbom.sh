#!/usr/bin/env bash
# Writes the bill of materials of the processor: every module that is linked into it, with version and hash (CycloneDX, JSON).
#   sbom.sh [FILE]      default bin/processor.cdx.json
set -euo pipefail
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=auto CGO_ENABLED=0
out=${1:-bin/processor.cdx.json}
mkdir -p "$(dirname "$out")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Without -trimpath, which changes no module, what is compiled is that of other steps.
go build -o "$scratch/processor" ./cmd/processor
version=$("$scratch/processor" version | grep -oE 'v[0-9][^ ]*' | head -1 || true)
go tool -modfile="$PWD/tools/go.mod" cyclonedx-gomod bin -json -std -version "${version:-v0.0.0}" -output "$out" "$scratch/processor"

modules=0
while read -r name version; do
  if ! grep -qF "\"pkg:golang/$name@$version" "$out"; then
    echo "sbom: $name $version is in the binary and not in $out" >&2
    exit 1
  fi
  modules=$((modules + 1))
done < <(go version -m "$scratch/processor" | awk '$1 == "dep" { print $2, $3 }')
if ((modules == 0)); then
  echo "sbom: the binary names no modules" >&2
  exit 1
fi
echo "sbom: $out has all $modules modules of the binary"
