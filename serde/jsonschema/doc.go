// Package jsonschema reads and writes JSON that is valid by a JSON Schema, in the form of Confluent's serializers.
//
//	f, err := jsonschema.Of[Order](schema)          // Go types, by serde.JSON
//	f, err := jsonschema.Any(schema)                // any JSON, by serde.JSONAny
//	orders := registry.Value(client, "orders", f)
//
// Rules, beyond those of package serde:
//
//	J1  What is written is valid by the format's own schema, and what is read by the schema that it was written by. Whether the
//	    one still fits the other is what the registry's compatibility check is for.
//	J2  Drafts 4, 6, 7, 2019-09 and 2020-12 are known by $schema; without it a schema is of draft 7. Formats ("format") are
//	    checked up to draft 7, and are notes in later drafts, as those say.
//	J3  Nothing is loaded from files or the net: a $ref means the schema itself, one of its references, or a draft's own schema.
//	J4  A value may be [MaxBytes] long and have [MaxValues] values in it, and checking one may take [MaxSteps]: schemas can be
//	    made that take forever. A schema has 1 MiB, 5,000 values and patterns of 10,000 parts at most, with its references.
//	J5  Patterns are Go's regular expressions (RE2), which take linear time: those with look-around or back references are refused.
//
// It does not make schemas of Go types.
package jsonschema
