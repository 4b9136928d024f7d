// Package recording is the form of files that hold a slice of topics, or the state of an application: lines of JSON that people can
// read, change and keep beside their tests.
//
// The first line is a [Header]:
//
//	{"rivusio_recording":1,"partitions":{"orders":2},"ranges":[{"topic":"orders","partition":0,"warm":7,"from":7,"to":9}]}
//
// and each further line is a [Record]:
//
//	{"topic":"orders","partition":0,"offset":7,"timestamp":1709210096000,"key":"ann","value":"{\"cents\":700}"}
//
// Bytes are a text where they are UTF-8, else {"base64": …}; null is Kafka's null. Records lie in the order of their timestamps over
// all partitions, each partition in the order of its offsets. Empty lines do not count.
//
// The package knows the form and nothing of brokers, so that tests can use it without a client. Writing a recording of a cluster is
// the work of package replay.
package recording
