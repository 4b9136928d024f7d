// Package wordcount is the example word-count: how often each word comes in each minute.
//
// It reads lines of text from topic "lines" and writes to topic "word-counts" a record for each word and minute, with keys
// as of Kafka's TimeWindowedSerializer over strings and values as of its LongSerializer. A word is a run of letters and
// digits, in lower case; its minute is the one of the line's timestamp.
package wordcount
