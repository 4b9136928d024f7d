# The same with traces of one record in 100, however many that are in a second.
. "$BENCH/suts/processor-traces.sh"
eval "limited_$(declare -f sut_command)"
sut_command() { echo "$(limited_sut_command "$@") --telemetry-trace-limit -1"; }
