// Package plugins finds sources, sinks, pipes, serdes, stores and error handlers by name and configures them, so that a
// pipeline can be written in a file.
//
//	registry := plugins.Standard(plugins.Environment{})
//	err := registry.AddPipe("loud", "Puts the value in capitals.", func(c LoudConfig) (plugins.Pipe, error) { ... })
//	...
//	pipe, err := registry.Pipe("loud", plugins.YAML("loud.yaml", text))
//
// Rules of the package:
//
//	L1  A [Registry] is a value. There is no global one, and importing a package registers nothing.
//	L2  A plugin has a kind and a name. The same name may stand for plugins of several kinds.
//	L3  A factory takes its configuration as a struct. The tags of its fields (see Keys below) say names, defaults and bounds;
//	    they are checked when the plugin is registered, decoded and validated before the factory is called, and make the JSON
//	    Schema that [Registry.Describe] shows.
//	L4  What goes wrong is a typed error that names kind, plugin, key and place: [*DuplicateError], [*UnknownError],
//	    [*KindError], [*TypeError], [*ConfigError]. A factory that panics is an error.
//	L5  Each look-up makes a new plugin. What the plugin opens it opens in its lifetime ([pipes.Opener], [pipes.Closer]), not
//	    in its factory.
//	L6  A registry may be used by any number of goroutines.
//
// Keys: yaml:"name" on every exported field, doc:"…", default:"100ms", required:"true", enum:"a,b", min:"1", max:"9",
// unit:"bytes". Fields are texts, booleans, numbers, durations, structs, lists, maps, pointers, any, and what has an
// UnmarshalText. A method Validate() error is called once the keys are decoded; it may return a [*KeyError], or several, joined.
//
// Values of messages are what serde.JSONAny decodes: nil, bool, string, int64, float64, []any and map[string]any. A pipe
// does not change the value that it is given, for others may have it too; it makes a new one.
//
// The built-in pipes work on one message at a time and keep nothing, but for dedupe, throttle and the cache of http-enrich,
// which keep their memory in the process. What must survive a restart is a matter of package topology. WebAssembly modules
// are plugins by package plugins/wasm.
package plugins
