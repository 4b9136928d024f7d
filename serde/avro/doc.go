// Package avro reads and writes Apache Avro's binary form: structs by [Typed], and values without a type of their own by [Dynamic].
//
//	orders, err := avro.Typed[Order]("") // by a schema made of the struct
//	source := registry.Value(client, "orders", orders)
//
// A [Format] is what registry.Key and registry.Value take. It is also a serde.Serde, of the bare binary form: without the
// header that names a schema, so everything must have been written by the format's own schema.
//
// Rules:
//
//	A1  What was written by another schema is resolved as the Avro specification says: fields by name or alias, defaults,
//	    promotions, the default symbol of an enum. A schema that cannot be read is an error of Reader, not of each record.
//	A2  Bytes are checked before they are believed. Values are at most 1,000 levels deep, and decoding one allocates at most
//	    some 32 MiB ([MaxBytes]), however many items it claims to have.
//	A3  A schema has at most 1 MiB of text and 200 references, and what it describes at most 100,000 values outside of arrays
//	    and maps. A record that contains itself without end is refused.
//	A4  Equal values are written as equal bytes: the entries of maps are sorted. A NaN keeps its bits in structs.
//	A5  Errors name the field, and what was expected at which offset.
//
// A nil slice or map is written as an empty one and comes back as that. Strings are written as they are, valid UTF-8 or not.
// The package does not read or write container files, and knows no registry.
package avro
