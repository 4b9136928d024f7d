# This project: bench/processor, the queries through the public API.
sut_queries="raw q0 q1 q2 q3 q5 q7 q8 q11 keyed-count keyed-count-nocache shuffle"

sut_build() { (cd "$BENCH/.." && GOTOOLCHAIN=auto go build -o "$WORK/processor" ./bench/processor); }

# query bootstrap app-id guarantee commit-ms state-dir input-topic
sut_command() {
  local guarantee=exactly-once; [[ $4 == alos ]] && guarantee=at-least-once
  echo "env GOMAXPROCS=1 '$WORK/processor' run --query $1 --brokers $2 --app-id $3 --guarantee $guarantee --commit-interval $5ms" \
    "--state-dir $6 --input $7 --workers 1 --cache-size 10MiB --admin-address none"
}
