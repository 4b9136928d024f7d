// Package declarative makes topologies of YAML files.
package declarative
