# This project: bench/processor, the queries through the public API.
sut_queries="raw q0 q1 q2 q3 q5 q7 q8 q11 keyed-count keyed-count-nocache shuffle"

sut_build() { (cd "$BENCH/.." && GOTOOLCHAIN=auto go build -o "$WORK/processor" ./bench/processor); }

# query bootstrap app-id guarantee commit-ms state-dir input-topic
sut_command() {
  echo "env GOMAXPROCS=1 '$WORK/processor' --query $1 --bootstrap $2 --app-id $3 --guarantee $4 --commit-ms $5" \
    "--state-dir $6 --input $7 --threads 1 --cache-bytes 10485760"
}
