package declarative

import (
	"strings"
	"time"

	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/plugins"
	"github.com/rivusio/rivusio/topology"
)

// Plugins is where steps find plugins by name. Default: the built-in ones ([plugins.Standard]).
func Plugins(r *plugins.Registry) Option { return func(l *loader) { l.plugins = r } }

// rawNode is a part of a file that something else decodes.
type rawNode struct{ node *document.Node }

// DecodeDocument implements document.Decoder.
func (r *rawNode) DecodeDocument(n *document.Node) error {
	r.node = n
	return nil
}

// DocumentSchema implements document.Schemer.
func (rawNode) DocumentSchema() map[string]any { return map[string]any{"type": "object"} }

// throughArgs are the arguments of through.
type throughArgs struct {
	Pipe        string               `yaml:"pipe" required:"true" doc:"name of the plugin"`
	Config      rawNode              `yaml:"config" doc:"configuration of the plugin"`
	Concurrency int                  `yaml:"concurrency" min:"0" max:"100000" doc:"how many records of a task are in the pipe at once; by default one after the other"`
	Store       string               `yaml:"store" doc:"with concurrency: name of the store of what is in flight at a commit"`
	Ordering    string               `yaml:"ordering" enum:"by_key,by_input,unordered" doc:"with concurrency: the order in which results leave, by default by_key"`
	Retry       *plugins.RetryConfig `yaml:"retry" doc:"call the pipe again for a record on which it fails, before on_error of the step; without it one call is all. Other records wait, but with concurrency"`
	KeepsKeys   bool                 `yaml:"keeps_keys" doc:"the pipe leaves keys as they are, so that nothing is repartitioned behind it"`
}

// configured are the options of a plugin whose configuration is a part of the file.
func configured(n *document.Node, at document.Place) []plugins.Option {
	if n == nil {
		return []plugins.Option{plugins.At(at)}
	}
	return []plugins.Option{plugins.At(at), plugins.Node(n)}
}

// plugged notes a mistake of a plugin, which has its place already, or gets that of n.
func (l *loader) plugged(n *document.Node, err error) {
	if !strings.HasPrefix(err.Error(), n.Place().File+":") {
		err = &document.Error{Path: n.Path(), Place: n.Place(), Err: err}
	}
	l.fail(err)
}

func applyThrough(l *loader, in handle, s *step, a *throughArgs) handle {
	var options []topology.NodeOption
	if a.Concurrency > 0 {
		options = append(options, topology.Concurrency(a.Concurrency))
		if a.Store == "" {
			l.fail(s.node.Errorf("concurrency needs store, the name of the store of what is in flight at a commit"))
			return broken{}
		}
	}
	switch a.Ordering {
	case "by_key":
		options = append(options, topology.Ordering(operators.OrderByKey))
	case "by_input":
		options = append(options, topology.Ordering(operators.OrderByInput))
	case "unordered":
		options = append(options, topology.Ordering(operators.Unordered))
	}
	pipe, err := l.plugins.Pipe(a.Pipe, configured(a.Config.node, s.node.Place())...)
	if err != nil {
		l.plugged(s.node, err)
		return broken{}
	}
	if a.Retry != nil {
		if pipe, err = plugins.Retry(*a.Retry, pipe); err != nil {
			l.plugged(s.node, err)
			return broken{}
		}
	}
	l.mark(a.Store, s.node)
	h, ok := unwindowed(in)
	if !ok {
		return l.cannot(in, s, "a stream whose keys have no windows")
	}
	h.Stream = h.Stream.ThroughMessages(pipe, a.Store, append(options, s.options()...)...)
	if a.KeepsKeys {
		h.Stream = h.Stream.MarkAsPartitioned()
	}
	return h
}

// batchArgs are the arguments of batch.
type batchArgs struct {
	Records int           `yaml:"records" required:"true" min:"1" doc:"how many values of a key are one batch"`
	Linger  time.Duration `yaml:"linger" doc:"how long, on the wall clock, a batch waits for more; by default without limit"`
	Store   string        `yaml:"store" required:"true" doc:"name of the store of what was gathered at a commit"`
	Value   *expression   `yaml:"value" doc:"expression of the value of the batch: key, value, which is the list; by default the list"`
}

func applyBatch(l *loader, in handle, s *step, a *batchArgs) handle {
	h, ok := unwindowed(in)
	if !ok {
		return l.cannot(in, s, "a stream whose keys have no windows")
	}
	fold := func(_ any, values []any) any { return append([]any(nil), values...) }
	if a.Value != nil {
		t := l.template(a.Value.node, []variable{varKey, varValue})
		fold = func(k any, values []any) any {
			return t.eval(&variables{key: k, value: append([]any(nil), values...)})
		}
	}
	l.mark(a.Store, s.node)
	h.Stream = h.Stream.Batch(a.Records, a.Linger, fold, a.Store, s.options()...)
	return h
}
