// Package declarative has topologies in YAML files, each with a test file beside it, for package declarative.
package declarative
