// Package orderpb has the messages of the tests of serde/protobuf, generated from the .proto files here by protoc-gen-go
// v1.36.12: generate.sh makes it again. Nothing else uses it.
package orderpb
