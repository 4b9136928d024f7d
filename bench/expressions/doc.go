// Package expressions compares two expression languages on what a declarative topology does for each record: a filter and
// a map over a decoded JSON order. docs/declarative.md has the figures. It is a module of its own, so that the one that was not chosen
// is no dependency of anything else.
package expressions
