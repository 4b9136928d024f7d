#!/usr/bin/env bash
# Runs the oracle: Apache Kafka Streams inside its own TopologyTestDriver.
#   run.sh expect FILE|DIR...                      fill in "expect" of scenario files, in place
#   run.sh check FILE|DIR...                       run again and report files whose "expect" would change
#   run.sh coverage FILE|DIR...                    print which scenarios exercise which rule
#   run.sh gen --seed N --count N --out DIR        make random scenarios, with "expect"
# Needs a JDK 17+ and mvn; builds on first use, and again after a change, under ~/.cache (or ORACLE_CACHE).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
sum=$(cd "$here" && find pom.xml src -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-12)
build=${ORACLE_CACHE:-$HOME/.cache/conformance-oracle}/$sum
command -v java >/dev/null || { echo "run.sh: the oracle needs a JDK 17 or newer" >&2; exit 1; }
if [[ ! -e $build/done ]]; then
  command -v mvn >/dev/null || { echo "run.sh: building the oracle needs Maven" >&2; exit 1; }
  mvn -q -B -Dstyle.color=never -f "$here/pom.xml" -Dbuild.dir="$build" package >&2
  touch "$build/done"
fi
state=${TMPDIR:-/tmp}
[[ -d /dev/shm && -w /dev/shm ]] && state=/dev/shm # the stores are many small files, soon deleted
exec java -Dstate.base="$state" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xmx512m -cp "$build/oracle.jar:$build/lib/*" conformance.Main "$@"
