package lint

// module is the path of the module that the tables speak of.
const module = "github.com/rivusio/rivusio"

// importRow says which packages of this module one package may import.
//
// Its _test.go files may also import whatever the package reaches through those, and the packages in tests.
type importRow struct {
	pkg     string // path below the module; "." is the root package, "x/..." is x and all packages below it
	imports string // separated by spaces; "*" stands for every row above this one
	tests   string // separated by spaces
}

// importTable is the plan of the dependencies, the lowest package first.
var importTable = []importRow{
	{"serde", "", ""},
	{"serde/serdetest", "serde", ""},
	{"serde/internal/cost", "", ""},
	{"serde/registry", "serde", "serde/registry/registrytest"},
	{"serde/registry/registrytest", "", ""},
	{"serde/avro", "serde/registry", "serde serde/internal/cost serde/serdetest"},
	{"serde/protobuf", "serde serde/registry", "serde/internal/cost serde/protobuf/internal/orderpb serde/serdetest"},
	{"serde/protobuf/internal/orderpb", "", ""},
	{"serde/jsonschema", "serde serde/registry", "serde/internal/cost serde/serdetest"},
	{"pipes", "", ""},
	{"pipes/pipetest", "pipes", ""},
	{"internal/document", "", ""},
	{"windows", "serde", ""},
	{"state", "serde windows", "state/storetest"},
	{"state/storetest", "state serde windows", ""},
	{"operators", "state windows serde", ""},
	{"internal/graph", "operators state windows serde", ""},
	{"topology", "internal/graph operators pipes state windows serde", "topology/topologytest"},
	{"internal/task", "internal/graph operators state", "topology telemetry"},
	{"internal/local", "internal/task internal/graph operators state", "topology"},
	{"replay/recording", "operators serde", ""},
	{"topology/topologytest", "replay/recording internal/local internal/graph topology operators state windows serde", ""},
	{"plan", "internal/graph topology", "internal/local internal/task operators serde state windows"},
	{"internal/assign", "", ""},
	{"internal/faults", "", ""},
	{"plugins", "internal/document pipes serde topology", ""},
	{"plugins/wasm/guest", "", "serde"},
	{"plugins/wasm", "plugins pipes serde", "topology/topologytest"},
	{"declarative", "internal/document topology operators windows serde serde/registry serde/avro serde/jsonschema serde/protobuf pipes plugins", "declarative/filetest declarative/jsonlines serde/registry/registrytest examples/orders examples/wordcount internal/local internal/task internal/graph state topology/topologytest"},
	{"declarative/jsonlines", "declarative internal/local operators serde state windows", ""},
	{"declarative/filetest", "declarative declarative/jsonlines operators", ""},
	{"engine", "internal/task internal/graph internal/assign internal/faults topology operators state", "plan topology/topologytest"},
	{"replay", "replay/recording engine internal/local internal/task internal/graph topology operators state serde", "examples/orders pipes topology/topologytest windows"},
	{"telemetry", "engine operators state", "serde topology topology/topologytest windows"},
	{"admin", "engine topology operators", ""},
	{"config", "engine telemetry admin serde/registry", ""},
	{"internal/deployment", "telemetry", ""},
	{".", "*", ""},
	{"examples/...", "*", ""},
	{"cmd/processor/internal/demo", "engine examples/... topology operators windows", ""},
	{"cmd/processor", "*", ""},
	{"integration/...", "*", ""},
	{"bench/processor", "*", ""},
	{"internal/lint", "", ""},
}

// thirdPartyRow names the one package that imports a module from elsewhere.
type thirdPartyRow struct {
	path   string // import path; covers the packages below it that have no row of their own
	pkg    string // who imports it, separated by spaces if there are several
	shared string // why there are several
}

// thirdPartyTable lists every module from elsewhere that code outside of tests imports.
var thirdPartyTable = []thirdPartyRow{
	{"github.com/cockroachdb/pebble/v2", "state", ""},
	{"github.com/RaduBerinde/btreemap", "state", ""},
	{"pgregory.net/rapid", "state/storetest", ""},
	{"github.com/twmb/franz-go", "engine", ""},
	{"github.com/twmb/franz-go/pkg/sr", "serde/registry serde/registry/registrytest", "the registry of tests is in the process"},
	{"github.com/twmb/avro", "serde/avro", ""},
	{"github.com/linkedin/goavro/v2", "serde/avro", ""},
	{"google.golang.org/protobuf", "serde/protobuf serde/protobuf/internal/orderpb", "generated code of the tests imports its runtime"},
	{"github.com/santhosh-tekuri/jsonschema/v6", "serde/jsonschema", ""},
	{"github.com/bufbuild/protocompile", "serde/protobuf", ""},
	{"github.com/jhump/protoreflect/v2", "serde/protobuf", ""},
	{"github.com/google/uuid", "engine", ""},
	{"go.opentelemetry.io", "telemetry", ""},
	{"github.com/prometheus/client_golang", "telemetry", ""},
	{"golang.org/x/sys", "engine", ""},
	{"github.com/expr-lang/expr", "declarative", ""},
	{"github.com/knadh/koanf", "config", ""},
	{"go.yaml.in/yaml/v3", "config internal/document", "the configuration of a process lies in layers, of which a document is one"},
	{"github.com/tetratelabs/wazero", "plugins/wasm", ""},
	{"github.com/spf13/pflag", "config .", "the command line declares the flags that the configuration reads"},
	{"github.com/spf13/cobra", ". cmd/processor bench/processor", "the binaries add their own commands and flags to the command line that the root package gives"},
	{"golang.org/x/term", ". cmd/processor cmd/processor/internal/demo", "each asks whether it writes to a terminal"},
	{"github.com/twmb/franz-go/pkg/kfake", "cmd/processor/internal/demo", ""},
	{"github.com/twmb/franz-go/pkg/kgo", "engine cmd/processor/internal/demo", "the demo feeds its own broker"},
	{"github.com/twmb/franz-go/pkg/kadm", "engine cmd/processor/internal/demo", "the demo makes the topics of its own broker"},
}

// refusedNames say nothing about what a package provides.
var refusedNames = []string{"util", "utils", "common", "helper", "helpers", "types", "manager", "managers", "misc"}

// maxLines is the length from which a reader gets lost in a source file.
const maxLines = 500

// longFiles are longer than maxLines, each with the reason.
var longFiles = map[string]string{
	"serde/protobuf/internal/orderpb/order.pb.go":                       "generated",
	"integration/conformance/oracle/src/main/java/conformance/Gen.java": "one generator, whose cases share its state",
}

// leftovers are traces of one machine. They are put together here so that this file does not carry them itself.
var leftovers = []string{"/wo" + "rk/", "/tmp/" + "brief"}
