#!/usr/bin/env bash
# A real Apache Kafka broker (KRaft, one node) on loopback, without Docker: its jars come from Maven Central.
#   kafka.sh start [PORT]   start (default port 9092) and wait until it answers; prints the bootstrap address
#   kafka.sh stop|kill|restart [PORT]   stop = SIGTERM, kill = SIGKILL, restart = start again on the kept data
#   kafka.sh clean [PORT]   stop and delete its data
#   kafka.sh topics|groups|run-class [PORT] ARGS...   Kafka's own command line tools against it
# Needs a JDK 17 or newer and, the first time, Maven. KAFKA_HOME_DIR (default ~/.cache/local-kafka) holds jars, data and logs.
# KAFKA_CPUS="0" pins the broker to those CPUs; KAFKA_HEAP (default 1g); KAFKA_OPTS adds properties ("a=b c=d").
# KAFKA_PROPERTIES=FILE is appended to server.properties as it is (SASL, TLS, ACLs); KAFKA_CLIENT_CONFIG=FILE is the
# configuration of the topics and groups commands.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=${KAFKA_HOME_DIR:-$HOME/.cache/local-kafka}
cmd=${1:-help}; shift || true
port=9092; if [[ ${1:-} =~ ^[0-9]+$ ]]; then port=$1; shift; fi
dir=$home/node-$port; pidfile=$dir/pid; cport=$((port + 1))
fail() { echo "kafka.sh: $*" >&2; exit 1; }
jars() {
  command -v java >/dev/null || fail "a JDK 17 or newer is needed (no java in PATH)"
  libs=$home/libs-$(sha256sum "$here/pom.xml" | cut -c1-12)
  if [[ ! -e $libs/.done ]]; then
    command -v mvn >/dev/null || fail "Maven is needed to download the broker (no mvn in PATH)"
    mkdir -p "$libs"
    mvn -q -B -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$libs" >&2
    touch "$libs/.done"
  fi
  mkdir -p "$dir"
  cat >"$home/log4j2.xml" <<X
<Configuration status="ERROR"><Appenders><Console name="c" target="SYSTEM_OUT"><PatternLayout pattern="%d %p %c: %m%n"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="c"/></Root></Loggers></Configuration>
X
}
java_kafka() { java -cp "$libs/*" -Dlog4j2.configurationFile="$home/log4j2.xml" "$@"; }
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
alive() { [[ -e $pidfile ]] && kill -0 "$(cat "$pidfile")" 2>/dev/null; }
start() {
  jars
  if alive; then echo "127.0.0.1:$port"; return; fi
  if answers; then fail "something else listens on port $port"; fi
  cat >"$dir/server.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$cport
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$cport
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=10
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=10
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=60000
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=33554432
P
  for kv in ${KAFKA_OPTS:-}; do echo "$kv" >>"$dir/server.properties"; done
  [[ -n ${KAFKA_PROPERTIES:-} ]] && cat "$KAFKA_PROPERTIES" >>"$dir/server.properties"
  if [[ ! -e $dir/data/meta.properties ]]; then
    java_kafka kafka.tools.StorageTool format -t "$(java_kafka kafka.tools.StorageTool random-uuid | tail -1)" -c "$dir/server.properties" >"$dir/format.log" 2>&1
  fi
  local pin=(); [[ -n ${KAFKA_CPUS:-} ]] && pin=(taskset -c "$KAFKA_CPUS")
  setsid nohup "${pin[@]}" java -Xmx"${KAFKA_HEAP:-1g}" -Xms"${KAFKA_HEAP:-1g}" -XX:+UseG1GC -cp "$libs/*" \
    -Dlog4j2.configurationFile="$home/log4j2.xml" kafka.Kafka "$dir/server.properties" >>"$dir/broker.log" 2>&1 </dev/null &
  echo $! >"$pidfile"
  for _ in $(seq 1 300); do
    alive || { tail -20 "$dir/broker.log" >&2; fail "the broker died"; }
    if answers; then echo "127.0.0.1:$port"; return; fi
    sleep 0.2
  done
  fail "no answer on port $port after 60 s, see $dir/broker.log"
}
stop() {
  alive || return 0
  local pid; pid=$(cat "$pidfile"); kill "-${1:-TERM}" "$pid" 2>/dev/null || true
  for _ in $(seq 1 150); do kill -0 "$pid" 2>/dev/null || { rm -f "$pidfile"; return 0; }; sleep 0.2; done
  kill -KILL "$pid" 2>/dev/null || true; rm -f "$pidfile"
}
client=(); [[ -n ${KAFKA_CLIENT_CONFIG:-} ]] && client=(--command-config "$KAFKA_CLIENT_CONFIG")
case $cmd in
  start) start ;;
  stop) stop TERM ;;
  kill) stop KILL ;;
  restart) stop TERM; start ;;
  clean) stop TERM; rm -rf "$dir" ;;
  topics) jars; java_kafka org.apache.kafka.tools.TopicCommand --bootstrap-server 127.0.0.1:$port "${client[@]}" "$@" ;;
  groups) jars; java_kafka org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server 127.0.0.1:$port "${client[@]}" "$@" ;;
  run-class) jars; java_kafka "$@" ;;
  *) sed -n '2,10p' "$0" | sed 's/^# \{0,1\}//' ;;
esac
