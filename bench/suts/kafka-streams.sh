# Apache Kafka Streams 4.3.1. BENCH is the directory of run.sh. JAVA_OPTS_KS overrides the flags of the JVM, KS_ARGS the
# settings beside the defaults: a larger producer batch, worth about a quarter on q0.
sut_queries="raw q0 q1 q2 q3 q5 q7 q8 q11 q11-onclose keyed-count keyed-count-nocache shuffle"

ks_build=${KS_BUILD:-$HOME/.cache/bench-kafka-streams}/$(cd "$BENCH/kafka-streams" && find pom.xml src -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-12)

# Builds outside of the source tree, once for each version of the sources.
sut_build() {
  [[ -e $ks_build/done ]] && return
  command -v mvn >/dev/null || { echo "kafka-streams: a JDK 17 or newer and Maven are needed" >&2; return 1; }
  mvn -q -B -Dstyle.color=never -f "$BENCH/kafka-streams/pom.xml" -Dbuild.dir="$ks_build" compile dependency:copy-dependencies -DoutputDirectory="$ks_build/libs" >&2
  touch "$ks_build/done"
}

# query bootstrap app-id guarantee commit-ms state-dir input-topic
sut_command() {
  echo "java ${JAVA_OPTS_KS:--XX:ActiveProcessorCount=1 -XX:+UseParallelGC -Xms1g -Xmx1g} -Dorg.slf4j.simpleLogger.defaultLogLevel=warn" \
    "-cp '$ks_build/classes:$ks_build/libs/*' bench.Main" \
    "--query $1 --bootstrap $2 --app-id $3 --guarantee $4 --commit-ms $5 --state-dir $6 --input $7 --threads 1 ${KS_ARGS:---prop producer.batch.size=131072 --prop producer.buffer.memory=67108864}"
}
