// Package faults names ways in which tests break the engine on purpose, to show that they would notice.
//
// It is internal, so nothing outside of this module can ask for them. The zero values break nothing.
package faults
