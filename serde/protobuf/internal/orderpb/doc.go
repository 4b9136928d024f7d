// Package orderpb has the messages of the tests of serde/protobuf, generated from order.proto and money.proto by protoc-gen-go
// v1.36.12: generate.sh makes it again. Nothing else uses it.
package orderpb
