// Package registry reads and writes topics whose keys or values have schemas in a registry (Confluent's, or one that speaks its
// protocol): Avro, Protobuf and JSON Schema, by the formats in the packages beside it.
//
//	c, err := registry.New(registry.Config{URLs: []string{"http://localhost:8081"}})
//	orders := registry.Value(c, "orders", format) // a serde.Serde, for a topology
//
// Rules:
//
//	R1  Nothing is registered unless [Config.AutoRegister] says so, and nothing that the subject's rule refuses. So it is with what a
//	    schema refers to.
//	R2  A schema that is missing is fetched in the background, as often as it takes, while nothing but the partition waits that
//	    brought it ([Serde.Wait]). An id that the registry does not know is an error of the record.
//	R3  What comes from outside is bounded: the size of a schema with its references, their number, how many schemas are kept.
//	R4  Errors name the id of the schema or the subject.
//
// It does not decode payloads: formats do. It does not cache on disk: a process that starts needs the registry.
package registry
