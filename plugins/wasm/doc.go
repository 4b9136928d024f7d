// Package wasm runs WebAssembly modules as pipes: code that the program was not built with, found in a folder when it starts.
//
//	host, err := wasm.Load(ctx, "plugins", wasm.Limits{})
//	defer host.Close(ctx)
//	err = host.Register(registry)
//	...
//	pipe, err := registry.Pipe("mask", plugins.YAML("mask.yaml", text))
//
// What a module exports and how messages pass is written in docs/plugins.md; package guest below this one is that contract
// for modules in Go.
//
// Rules of the package:
//
//	W1  A module reaches nothing but its own memory: no files, no network, no environment, no arguments. Its clock and its
//	    random numbers are the same in every instance, so what it makes depends on its messages only.
//	W2  Every call has a time limit, every instance a memory limit, every output a size and a count ([Limits]). The
//	    number of instances is bounded. A module that is larger than the limit is not read.
//	W3  What a module does wrong is an error of the message that it was given, a [*CallError], and never the end of the
//	    process. After it the instance is thrown away and the next message has a new one. An error that the plugin reports by
//	    itself is a [*PluginError], after which the instance goes on.
//	W4  Nothing that a module says is believed: lengths, places in memory and JSON are checked before they are used.
//	W5  An instance works on one message at a time. It may keep memory from one to the next, but there are several instances,
//	    and they are thrown away: a plugin must not rely on it.
//
// A folder is trusted as far as compiling goes: a module of the largest size takes seconds to compile.
package wasm
