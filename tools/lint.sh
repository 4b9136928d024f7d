#!/usr/bin/env bash
# What a machine can see of the code, in every module of the repository: format, go vet, staticcheck, known vulnerabilities.
# The rules of this project itself (imports, package comments …) are tests in internal/lint.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=auto
tools=$PWD/tools/go.mod

unformatted=$("$(go env GOROOT)/bin/gofmt" -l .)
if [[ $unformatted ]]; then
  printf 'gofmt would change:\n%s\n' "$unformatted" >&2
  exit 1
fi

for module in . bench/kit bench/passthrough serde/avro/bench; do
  (
    cd "$module"
    go vet -tags integration,synctests ./...
    go tool -modfile="$tools" staticcheck -tags integration,synctests ./...
  )
done

# The database of vulnerabilities is not part of the module proxy. Without a way to it this step says so and proves nothing.
report=$(go tool -modfile="$tools" govulncheck ./... 2>&1) && status=0 || status=$?
if ((status == 0)); then
  echo "govulncheck: nothing known"
elif [[ $report == *"fetching vulnerabilities"* ]]; then
  printf 'NOTICE govulncheck did NOT run: its database cannot be reached from here\n%s\n' "$report" >&2
else
  printf '%s\n' "$report" >&2
  exit "$status"
fi
