package expressions

import (
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

const (
	exprFilter = `value.cents > 100 && value.customer.tier in ["gold", "silver"]`
	exprMap    = `{id: value.id, total: value.cents * value.pieces, city: upper(value.customer.city)}`
	celFilter  = `value.cents > 100 && value.customer.tier in ["gold", "silver"]`
	celMap     = `{"id": value.id, "total": value.cents * value.pieces, "city": value.customer.city.upperAscii()}`
)

// record is an order as a JSON decoder gives it.
func record() map[string]any {
	return map[string]any{
		"id": "o-1", "cents": int64(700), "pieces": int64(3),
		"customer": map[string]any{"name": "ann", "tier": "gold", "city": "Lisbon"},
	}
}

func exprProgram(b *testing.B, code string) *vm.Program {
	p, err := expr.Compile(code, expr.Env(types.Map{"key": types.Any, "value": types.Any}))
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func benchmarkExpr(b *testing.B, code string) {
	p := exprProgram(b, code)
	env := map[string]any{"key": "k", "value": record()}
	var machine vm.VM
	b.ReportAllocs()
	for b.Loop() {
		if _, err := machine.Run(p, env); err != nil {
			b.Fatal(err)
		}
	}
}

func celProgram(b *testing.B, code string) cel.Program {
	env, err := cel.NewEnv(cel.Variable("key", cel.DynType), cel.Variable("value", cel.DynType), ext.Strings())
	if err != nil {
		b.Fatal(err)
	}
	ast, issues := env.Compile(code)
	if issues.Err() != nil {
		b.Fatal(issues.Err())
	}
	p, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(1_000_000))
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func benchmarkCEL(b *testing.B, code string) {
	p := celProgram(b, code)
	env := map[string]any{"key": "k", "value": record()}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := p.Eval(env); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	b.Run("expr", func(b *testing.B) { benchmarkExpr(b, exprFilter) })
	b.Run("cel", func(b *testing.B) { benchmarkCEL(b, celFilter) })
}

func BenchmarkMap(b *testing.B) {
	b.Run("expr", func(b *testing.B) { benchmarkExpr(b, exprMap) })
	b.Run("cel", func(b *testing.B) { benchmarkCEL(b, celMap) })
}
