// Package protobuf reads and writes messages of Protocol Buffers, by the Go types that protoc-gen-go makes or as maps.
//
//	f, err := protobuf.Of[*shop.Order]()            // for topics with a schema registry:
//	orders := registry.Value(client, "orders", f)   // a serde.Serde[*shop.Order]
//
//	g, err := protobuf.Dynamic(schema, "")          // a registry.Format[any], by a .proto file as text
//
//	plain, err := protobuf.Message[*shop.Order]()   // a serde.Serde[*shop.Order] of the message and nothing else
//
// Rules, beyond those of package serde:
//
//	P1  Map entries are written by the order of their keys, so that equal messages give equal bytes in one version of this module.
//	    Two kinds of values are as they came: the bits of a NaN, and unknown fields, which Go types keep and write again.
//	P2  A message may be [MaxBytes] long, [MaxDepth] deep and take about [MaxMemory] when decoded. Two bytes can stand for a message,
//	    so the length alone bounds nothing: what long messages will take is counted before they are decoded.
//	P3  A format reads what was written by any schema that has a message of its full name, if no field would be lost without a word:
//	    see [Format.Reader]. The message index in front of a message must name that message.
//	P4  A message without a required field of proto2 is neither written nor read.
//	P5  What a map says is written as it is or not at all: an unknown field, a number out of range and a text that is none are errors
//	    with the path of the field.
//	P6  A schema is bounded before it is compiled: 1 MiB with its references, 30,000 names, numbers and signs, of which a string counts
//	    for ten, and 64 levels of brackets.
//
// A nil message is Kafka's null.
//
// It does not compile .proto files to Go, and it does not look into google.protobuf.Any.
package protobuf
