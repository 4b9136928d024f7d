package declarative

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/operators"
)

// Bounds of an expression. With them its cost is a polynomial of the size of the record, whatever the record holds.
const (
	maxNodes       = 2_000     // of the syntax tree
	maxNesting     = 3         // of functions over lists in one another
	maxMemoryItems = 1_000_000 // that one evaluation makes in lists and maps
)

// program is a compiled expression. Any number of tasks may evaluate it at once.
type program struct {
	code   *vm.Program
	where  document.Place
	uses   []variable
	spares sync.Pool // of *evaluation
}

// evaluation is what one evaluation at a time needs.
type evaluation struct {
	machine vm.VM
	env     map[string]any
}

// compile compiles an expression in which these variables are known.
func (l *loader) compile(n *document.Node, known []variable) (*program, error) {
	if n.Kind() != document.Scalar || strings.TrimSpace(n.Text()) == "" {
		return nil, n.Errorf("want an expression")
	}
	p, err := build(n.Text(), n.Place(), l.functions, known)
	if err != nil {
		return nil, l.misspelt(n, err, known)
	}
	return p, nil
}

// build compiles a text. Its mistakes are those of the language, with places in the text.
func build(text string, where document.Place, functions []expr.Option, known []variable) (*program, error) {
	env := types.Map{}
	for _, v := range known {
		env[v.String()] = types.Any
	}
	use := &usage{known: known, depths: make(map[*ast.PredicateNode]int)}
	code, err := expr.Compile(text, append(slices.Clone(functions), expr.Env(env), expr.MaxNodes(maxNodes), expr.Patch(use))...)
	if err != nil {
		return nil, err
	}
	if use.deepest > maxNesting {
		return nil, fmt.Errorf("functions over lists lie %d deep in one another, want at most %d", use.deepest, maxNesting)
	}
	for i, c := range code.Constants { // all evaluations share them, so they must be plain already
		switch c.(type) {
		case []any, map[string]any:
			code.Constants[i] = plain(c)
		}
	}
	p := &program{code: code, where: where, uses: use.uses}
	p.spares.New = func() any {
		return &evaluation{machine: vm.VM{MemoryBudget: maxMemoryItems}, env: make(map[string]any, len(known))}
	}
	return p, nil
}

// misspelt gives a mistake in an expression its place in the file.
func (l *loader) misspelt(n *document.Node, err error, known []variable) error {
	message, place := err.Error(), n.Place()
	if f := (*file.Error)(nil); errors.As(err, &f) {
		message = f.Message
		place = l.placeIn(n, f.Line, f.Column)
	}
	if strings.HasPrefix(message, "unknown name") {
		names := make([]string, len(known))
		for i, v := range known {
			names[i] = v.String()
		}
		message += ", here are " + strings.Join(names, ", ")
	}
	return &document.Error{Path: n.Path(), Place: place, Err: fmt.Errorf("expression: %s", message)}
}

// usage notes which variables an expression uses, and how deep functions over lists lie in one another.
type usage struct {
	known   []variable
	uses    []variable
	depths  map[*ast.PredicateNode]int // of those that were seen
	deepest int
}

// Visit sees the nodes of a tree, those below before those above.
func (u *usage) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		for _, v := range u.known {
			if v.String() == n.Value && !slices.Contains(u.uses, v) {
				u.uses = append(u.uses, v)
			}
		}
	case *ast.PredicateNode:
		below := inside{depths: u.depths}
		ast.Walk(&n.Node, &below)
		u.depths[n] = 1 + below.deepest
		u.deepest = max(u.deepest, u.depths[n])
	}
}

// inside finds the deepest of the predicates below a node.
type inside struct {
	depths  map[*ast.PredicateNode]int
	deepest int
}

// Visit sees the nodes of a tree.
func (i *inside) Visit(node *ast.Node) {
	if p, ok := (*node).(*ast.PredicateNode); ok {
		i.deepest = max(i.deepest, i.depths[p])
	}
}

// eval evaluates the expression. An error of it ends the record in work.
func (p *program) eval(v *variables) any {
	result, err := p.run(v)
	if err != nil {
		operators.Throw(p.failure(err))
	}
	return result
}

func (p *program) run(v *variables) (any, error) {
	e := p.spares.Get().(*evaluation)
	for _, name := range p.uses {
		e.env[name.String()] = v.get(name)
	}
	result, err := e.machine.Run(p.code, e.env)
	p.spares.Put(e)
	if err != nil {
		return nil, err
	}
	return plain(result), nil
}

// test evaluates a condition.
func (p *program) test(v *variables) bool {
	result := p.eval(v)
	b, ok := result.(bool)
	if !ok {
		operators.Throw(p.failure(fmt.Errorf("the result is %s, want true or false", described(result))))
	}
	return b
}

// failure says what went wrong with a record, in one line.
func (p *program) failure(err error) error {
	if f := (*file.Error)(nil); errors.As(err, &f) {
		err = errors.New(f.Message)
	}
	return &ExpressionError{Place: p.where.String(), Err: err}
}

// ExpressionError is an expression that could not be evaluated for a record. The [operators.Error] around it names the
// operator and the record.
type ExpressionError struct {
	Place string // of the expression, as FILE:LINE:COLUMN
	Err   error
}

// Error is "expression PLACE: CAUSE".
func (e *ExpressionError) Error() string { return "expression " + e.Place + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ExpressionError) Unwrap() error { return e.Err }

// plain is a result as the serde of JSON would give it back: whole numbers are int64, what has no form in JSON becomes text.
// What came from a record is plain already, so a map or list is only changed where the expression made it.
func plain(v any) any {
	switch v := v.(type) {
	case nil, bool, string, int64:
		return v
	case int:
		return int64(v)
	case float64:
		if v == math.Trunc(v) && v >= math.MinInt64 && v < math.MaxInt64 {
			return int64(v)
		}
		return v
	case map[string]any:
		for k, x := range v {
			if y := plain(x); !identical(x, y) {
				v[k] = y
			}
		}
		return v
	case []any:
		for i, x := range v {
			if y := plain(x); !identical(x, y) {
				v[i] = y
			}
		}
		return v
	}
	return composed(v)
}

// identical reports whether plain changed nothing but, perhaps, what lies inside of a map or list.
func identical(x, y any) bool {
	switch x.(type) {
	case nil, bool, string, int64, map[string]any, []any:
		return true
	case float64:
		_, ok := y.(float64)
		return ok
	}
	return false
}

// composed is plain for the types that expressions rarely make.
func composed(v any) any {
	switch v := v.(type) {
	case []string:
		return list(v)
	case []int:
		return list(v)
	case []float64:
		return list(v)
	case map[string]int:
		m := make(map[string]any, len(v))
		for k, n := range v {
			m[k] = int64(n)
		}
		return m
	case map[any][]any:
		m := make(map[string]any, len(v))
		for _, k := range slices.Collect(maps.Keys(v)) {
			m[fmt.Sprint(k)] = plain(v[k])
		}
		return m
	case map[any]any:
		m := make(map[string]any, len(v))
		for k, x := range v {
			m[fmt.Sprint(k)] = plain(x)
		}
		return m
	}
	return scalar(v)
}

func list[T any](items []T) []any {
	plainItems := make([]any, len(items))
	for i, item := range items {
		plainItems[i] = plain(item)
	}
	return plainItems
}

// described says what a value is, for messages.
func described(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("the text %q", shortened(v))
	case bool, int64, float64:
		return fmt.Sprint(v)
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	}
	return fmt.Sprintf("a %T", v)
}

// shortened cuts what a message shows of a text.
func shortened(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
