// Package orders is the example orders: what customers of each tier spend, by windows of ten seconds.
//
// Topic "orders" has orders as JSON, each with the time at which it was placed as its timestamp; topic "customers" is a
// table of customers as JSON under their ids. Each order is joined with its customer, for which it goes through a
// repartition topic, and is then added to the window of its tier. When a window has closed its totals go to topic
// "spend-by-tier", once and for all: keys as of Kafka's TimeWindowedSerializer over strings, values as JSON.
//
// An order of nothing or less is left out, and so is one of an unknown customer, and one that comes after its window has
// closed.
package orders
