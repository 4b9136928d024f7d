package declarative

import (
	"errors"
	"strings"

	"github.com/rivusio/rivusio/internal/document"
)

// mark remembers what a name in a message of Build stands for.
func (l *loader) mark(name string, n *document.Node) {
	if name != "" && l.places[name] == nil {
		l.places[name] = n
	}
}

// placed gives the mistakes that Build found the places of what they name.
func (l *loader) placed(err error) error {
	var errs []error
	for err != nil {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			errs = joined.Unwrap()
			break
		}
		if next := errors.Unwrap(err); next != nil {
			err = next
			continue
		}
		errs = []error{err}
		break
	}
	for i, err := range errs {
		n := l.named(err.Error())
		if n == l.places[l.document.Application] || strings.HasPrefix(err.Error(), "two ") { // the second is the mistake
			n = l.firstWith(err.Error())
		}
		errs[i] = &document.Error{Path: n.Path(), Place: n.Place(), Err: errors.New(inFileTerms(err.Error()))}
	}
	return document.Join(errs...)
}

// firstWith is the step that brings a mistake which names nothing of the file: the topology with the steps up to it has the
// mistake, and without it has not. What the topology has without any step is a mistake of the whole.
func (l *loader) firstWith(message string) *document.Node {
	for n := range len(l.applied) + 1 {
		shorter := &loader{log: l.log, lines: l.lines, functions: l.functions, plugins: l.plugins, registry: l.registry, folder: l.folder, root: l.root, document: l.document, limit: n}
		shorter.declare()
		if _, err := shorter.b.Build(); err != nil && strings.Contains(err.Error(), message) {
			if n > 0 {
				return l.applied[n-1].node
			}
			break
		}
	}
	return l.places[l.document.Application]
}

// inFileTerms is a mistake of Build in the words of a file.
func inFileTerms(message string) string {
	return strings.NewReplacer(
		"give it a name with Named", "give the step a name", "name their groupings with Named", "give their groupings a name",
		"use WithSerdes or StoreSerdes", "use a step serdes, or store_serde", "use WithSerdes on one of them", "use a step serdes",
		"use WithSerdes on the stream", "use a step serdes", "use WithSerdes", "use a step serdes",
		"give the join a store with As", "give the join a store", "but no store name for them: use As", "but no store", "but no store name: use As", "but no store",
		"use OnClose", "emit on_close", "(To, ForEach, Process or a store)", "(to, log or a store)",
		"the option InMemory", "the option in_memory", "the option NoChangelog", "the option changelog", "the option EmitOnCommit", "the option emit_on_commit",
		"the option Retention", "the option retention", "the option TTL", "the option ttl", "the option Versioned", "the option versioned",
		"the option SourceAsChangelog", "the option source_as_changelog", "the option StoreSerdes", "the option store_serde", "the option Combine", "the option combine",
		"the option Timestamp", "the option timestamp", "StartFrom would", "start would", "the options EmitOnCommit and TTL", "the options emit_on_commit and ttl",
		"the option OnError", "the option on_error", "a Retry", "a retry", "give it one with Named", "give the step one",
		"use MaxRecords or MaxBytes", "use max_records or max_bytes",
	).Replace(message)
}

// named is the place of the longest name that a message has in quotes or behind a word, else that of the application.
func (l *loader) named(message string) *document.Node {
	best := l.document.Application
	for name := range l.places {
		if name != l.document.Application && (best == l.document.Application || len(name) > len(best) || len(name) == len(best) && name < best) && mentions(message, name) {
			best = name
		}
	}
	return l.places[best]
}

// mentions reports whether a message has a name, or one that was made of it, as a word of its own.
func mentions(message, name string) bool {
	for at := 0; ; {
		i := strings.Index(message[at:], name)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(name)
		if (from == 0 || !partOfName(message[from-1])) && (to == len(message) || !partOfName(message[to]) || message[to] == '-') {
			return true
		}
		at = to
	}
}

func partOfName(c byte) bool {
	return c == '-' || c == '_' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
