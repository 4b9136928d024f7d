// Package document reads YAML documents into Go structs so that every mistake is told with its place.
//
//	steps, err := document.Parse("orders.yaml", text)
//	...
//	c, err := document.Decode[Throttle](steps, document.Environ("THROTTLE", os.Environ()))
//	// orders.yaml:12:7: steps[2].window: not a duration: "1x", write a number with a unit, such as 100ms, 5s or 2m30s
//
// A [Node] is a value of the document with its [Place] and its path. [Decode] makes a struct of it by the tags of its fields:
//
//	yaml:"name"       the key; every exported field has it, "-" is no key, ",inline" takes the keys of a struct
//	doc:"…"           what it does
//	default:"100ms"   the value when there is none; it is written as in an environment variable
//	required:"true"   there must be a value, and it must not be empty
//	enum:"a,b"        the texts that are allowed, also in a list
//	min:"1" max:"9"   bounds of a number, a duration, a size, or the number of items of a list
//	unit:"bytes"      an integer that may be written as 64MiB
//
// Fields are texts, booleans, integers, floats, durations, structs, lists, maps with texts as keys, pointers to such, any,
// what has an UnmarshalText, and what decodes itself ([Decoder]). A type with a method Validate() error is asked once it is
// decoded without mistakes; a [KeyError] among what it returns gets the place of its key.
//
// Rules of the package:
//
//	D1  All mistakes of a document are returned, joined, in the order of their places, each as an [*Error].
//	D2  What is not known is a mistake: a key, an environment variable below the prefix. The nearest known name is offered.
//	D3  A type that cannot be decoded is a mistake of the programmer, and [Check] finds it before any document is read.
//	D4  Whatever the bytes of a document are, reading it takes bounded memory and does not panic.
//
// It reads YAML 1.2 as far as go.yaml.in/yaml does. Aliases are resolved within a bound; merge keys and tags of one's own are
// mistakes. It does not write documents, and does not watch files.
package document
