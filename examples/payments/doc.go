// Package payments is the example payments: what each account has paid, on Avro with a schema registry.
//
// It reads topic "payments", whose values are of any version of the schema in payment.avsc that a schema registry has, and
// writes to topic "account-totals" a record for each change, by account, with values of the schema in total.avsc. Keys are
// strings.
package payments
