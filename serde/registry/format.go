package registry

// Format says how values of T are written and read by schemas: as Avro, as Protobuf or as JSON. Packages below serde make them.
// Any number of goroutines may use one.
type Format[T any] interface {
	// Schema is what Append writes by. It is the same for the whole life of the format.
	Schema() Schema
	// Append appends a value to dst, without the header of the wire format. On an error it returns dst as it was given.
	Append(dst []byte, v T) ([]byte, error)
	// Reader makes a function that decodes what was written by a schema of the registry, without the header of the wire format.
	// It is called once for each schema that is met. An error means that T cannot be read from it, and says why.
	// The function keeps nothing of its argument. It returns an error for whatever bytes it cannot decode, and takes time and memory
	// at most in proportion to their number.
	Reader(writer Schema) (func(payload []byte) (T, error), error)
}

// Type is a kind of schema, in the words of the registry.
type Type string

// The kinds of schemas.
const (
	Avro       Type = "AVRO"
	Protobuf   Type = "PROTOBUF"
	JSONSchema Type = "JSON"
)

// Schema is a schema with those that it refers to.
type Schema struct {
	Type       Type
	Text       string
	Name       string // of the type, for subjects that are named after it; "" if it has none
	References []Reference
}

// Reference is a schema that another refers to.
type Reference struct {
	Name    string // by which it is referred to: a full name of Avro, the path of an import of Protobuf, the $ref of a JSON Schema
	Subject string
	Version int // 0 where it is not registered yet
	// Schema is what it stands for, its own references included.
	Schema Schema
}
