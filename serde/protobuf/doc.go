// Package protobuf reads and writes messages of Protocol Buffers, by the Go types that protoc-gen-go makes.
//
//	f, err := protobuf.Of[*shop.Order]()            // for topics with a schema registry:
//	orders := registry.Value(client, "orders", f)   // a serde.Serde[*shop.Order]
//
//	plain, err := protobuf.Message[*shop.Order]()   // a serde.Serde[*shop.Order] of the message and nothing else
//
// Rules, beyond those of package serde:
//
//	P1  Map entries are written by the order of their keys, so that equal messages give equal bytes in one version of this module.
//	    Two kinds of values are as they came: the bits of a NaN, and unknown fields, which are kept and written again.
//	P2  A message may be [MaxBytes] long, [MaxDepth] deep and take about [MaxMemory] when decoded. Two bytes can stand for a message,
//	    so the length alone bounds nothing: what long messages will take is counted before they are decoded.
//	P3  A format reads what was written by any schema that has a message of its full name, if no field would be lost without a word:
//	    see [Format.Reader]. The message index in front of a message must name that message.
//	P4  A message without a required field of proto2 is neither written nor read.
//
// A nil message is Kafka's null.
//
// It does not compile .proto files to Go, and it does not look into google.protobuf.Any.
package protobuf
