package plugins

import (
	"errors"
	"log/slog"
	"net"
	"net/http"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// Environment is what built-in plugins use of the process. The zero value has the defaults.
type Environment struct {
	Logger    *slog.Logger                                        // of the pipe and the error handler log; nil: slog.Default()
	Transport http.RoundTripper                                   // of http-enrich and the sink http; nil: one of their own
	Listen    func(network, address string) (net.Listener, error) // of the source http; nil: net.Listen
}

// Standard is a new registry with the built-in plugins.
func Standard(e Environment) *Registry {
	if e.Logger == nil {
		e.Logger = slog.Default()
	}
	if e.Listen == nil {
		e.Listen = net.Listen
	}
	r := &Registry{}
	err := errors.Join(addPipes(r, e), addEnds(r, e), addSerdes(r), addStores(r), addErrorHandlers(r, e))
	if err != nil {
		panic(err) // a mistake of this package, which its tests find
	}
	return r
}

func addPipes(r *Registry, e Environment) error {
	return errors.Join(
		r.AddPipe("filter", "Keeps the messages of which conditions hold.", newFilter),
		r.AddPipe("map-fields", "Copies, renames, sets and drops parts of the value.", newMapFields),
		r.AddPipe("flatten", "Makes one level of the levels of the value.", newFlatten),
		r.AddPipe("split", "Makes a message of each item of a list; none of an empty one, null or nothing.", newSplit),
		r.AddPipe("http-enrich", "Gets a JSON value by HTTP and puts it into the value.", newEnrich(e.Transport)),
		r.AddPipe("dedupe", "Drops messages that are the same as one before. It remembers in memory, in each process by itself, and forgets at a restart.", newDedupe),
		r.AddPipe("throttle", "Lets messages wait, so that not more than a number pass in a second.", newThrottle),
		r.AddPipe("log", "Logs messages, or one of many, and passes them on.", newLog(e.Logger)),
		r.AddPipe("json-decode", "Reads the value, a text, as JSON.", newJSONDecode),
		r.AddPipe("json-encode", "Writes the value as a text of JSON.", newJSONEncode),
		r.AddPipe("csv-decode", "Reads the value, a text, as a CSV record and makes a map of it.", newCSVDecode),
		r.AddPipe("csv-encode", "Writes the value, a map, as a CSV record.", newCSVEncode),
	)
}

func addEnds(r *Registry, e Environment) error {
	return errors.Join(
		r.AddSource("file", "Reads the lines of a file.", newFileSource),
		r.AddSource("http", "Listens for JSON lines that are posted. An answer says that the messages were taken, not what became of them.", newHTTPSource(e.Listen)),
		r.AddSink("file", "Writes values as JSON lines to a file.", newFileSink),
		r.AddSink("http", "Posts values as JSON lines or lists, in batches; after a failure some may arrive twice.", newHTTPSink(e.Transport)),
	)
}

func addSerdes(r *Registry) error {
	return errors.Join(
		r.AddSerde("json", "Any JSON value; whole numbers are exact within 64 bits.", serdeOf(serde.JSONAny())),
		r.AddSerde("csv", "A map as one CSV record.", newCSVSerde),
		r.AddSerde("string", "A text, as Kafka's String.", serdeOf(textSerde{})),
		r.AddSerde("int64", "A whole number, as Kafka's Long.", serdeOf(int64Serde{})),
	)
}

// StoreConfig configures the stores pebble and memory.
type StoreConfig struct {
	Changelog bool `yaml:"changelog" default:"true" doc:"whether changes go to a changelog topic; without one the rows do not follow a partition to another process"`
}

func addStores(r *Registry) error {
	options := func(kept ...topology.StoreOption) func(StoreConfig) ([]topology.StoreOption, error) {
		return func(c StoreConfig) ([]topology.StoreOption, error) {
			if c.Changelog {
				return kept, nil
			}
			return append(kept[:len(kept):len(kept)], topology.NoChangelog()), nil
		}
	}
	return errors.Join(
		r.AddStore("pebble", "Rows on disk, in the process's Pebble database.", options()),
		r.AddStore("memory", "Rows in memory, restored from the changelog at every start.", options(topology.InMemory())),
	)
}

func addErrorHandlers(r *Registry, e Environment) error {
	handler := func(h pipes.FailureHandler) func(NoConfig) (pipes.FailureHandler, error) {
		return func(NoConfig) (pipes.FailureHandler, error) { return h, nil }
	}
	return errors.Join(
		r.AddErrorHandler("fail", "The first message that fails ends the run.", handler(pipes.FailOnError)),
		r.AddErrorHandler("skip", "Messages that fail are dropped.", handler(pipes.SkipOnError)),
		r.AddErrorHandler("log", "Messages that fail are logged and dropped.", newFailureLog(e.Logger)),
	)
}
