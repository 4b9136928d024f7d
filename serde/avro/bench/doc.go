// Package bench measures github.com/hamba/avro on the record that the benchmark of package avro has. It is a module of its own,
// so that programs do not get that library.
package bench
