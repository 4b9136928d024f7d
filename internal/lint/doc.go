// Package lint holds the rules of this repository that no general tool knows. Its tests fail when one is broken; the messages
// name the file and what would be right.
//
//	L1  A package imports only what its row of the import table allows; a package without a row is a mistake.
//	L2  A third-party module is imported by the one package that its row names. Test files are free.
//	L3  Every package has one package comment, in doc.go; commands and examples may have it in main.go.
//	L4  A package is named for what it provides: no util, common, helpers, types, manager.
//	L5  A source file has at most 500 lines, unless it is listed with a reason.
//	L6  No file carries traces of the machine that it was written on.
//	L7  A code block of README.md or docs/ that is a whole program compiles.
//
// It reads source files; except for L7 it compiles nothing. Nothing outside of its tests uses it.
package lint
