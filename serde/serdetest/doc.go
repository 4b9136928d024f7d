// Package serdetest holds a serde to the rules S1 to S7 of package serde. Run it in the tests of your own serdes: one that
// breaks a rule corrupts topics or stores, often long after it was written.
//
//	serdetest.Run(t, mySerde, []Order{{}, {ID: "a"}, big})
//
// It is only as good as the values it is given: give the zero value, each branch of what may be one thing or another, and
// maps of several entries. It does not know what bytes a serde ought to write; keep some of those beside the test.
package serdetest
