package avro

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// toNative turns the forms of [Dynamic] into those of goavro. It changes nothing of v.
func toNative(n *node, v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, wrong("the value is more than %d levels deep", maxDepth)
	}
	switch n.kind {
	case kindNull:
		if v == nil {
			return nil, nil
		}
	case kindBoolean:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case kindInt, kindLong:
		if i, ok := integerOf(n, v); ok {
			return i, nil
		}
	case kindFloat, kindDouble:
		if f, ok := floatOf(v); ok {
			return f, nil
		}
	case kindString:
		if s, ok := v.(string); ok {
			return s, nil
		}
	case kindEnum:
		if s, ok := v.(string); ok && slices.Contains(n.symbols, s) {
			return s, nil
		}
	case kindBytes, kindFixed:
		return toBytes(n, v)
	case kindArray:
		return toArray(n, v, depth)
	case kindMap:
		return toMap(n, v, depth)
	case kindRecord:
		return toRecord(n, v, depth)
	case kindUnion:
		return toUnion(n, v, depth)
	}
	return nil, unfit(n, v)
}

func unfit(n *node, v any) error {
	if s, ok := v.(string); ok && n.kind == kindEnum {
		return wrong("%q, want a symbol of enum %s", s[:min(len(s), 40)], n.name)
	}
	return wrong("%s, want %s", kindOf(v), n.name)
}

// kindOf is what a value is, without what it says.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nil"
	case map[string]any:
		return "a map"
	case []any:
		return "an array"
	}
	return fmt.Sprintf("a %T", v)
}

func integerOf(n *node, v any) (any, bool) {
	var i int64
	switch v := v.(type) {
	case int64:
		i = v
	case int:
		i = int64(v)
	case int32:
		i = int64(v)
	case float64:
		if v != math.Trunc(v) || v < math.MinInt64 || v >= math.MaxInt64 {
			return nil, false
		}
		i = int64(v)
	case time.Time:
		var ok bool
		if i, ok = unitsOf(n.logical, v); !ok {
			return nil, false
		}
	default:
		return nil, false
	}
	if n.kind == kindLong {
		return i, true
	}
	return int32(i), i == int64(int32(i))
}

// unitsOf is a time as a logical type counts it.
func unitsOf(logical string, t time.Time) (int64, bool) {
	switch logical {
	case "timestamp-millis", "local-timestamp-millis":
		return t.UnixMilli(), true
	case "timestamp-micros", "local-timestamp-micros":
		return t.UnixMicro(), true
	case "timestamp-nanos", "local-timestamp-nanos":
		return t.UnixNano(), true
	case "date":
		seconds := t.Unix()
		days := seconds / 86400
		if seconds%86400 < 0 {
			days--
		}
		return days, true
	}
	return 0, false
}

// canonicalNaN has the bits that Java gives every NaN.
var canonicalNaN = math.Float64frombits(0x7ff8000000000000)

func floatOf(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		if v != v {
			return canonicalNaN, true
		}
		return v, true
	case float32:
		return floatOf(float64(v))
	case int64:
		return float64(v), true
	case int32:
		return float64(v), true
	case int:
		return float64(v), true
	}
	return 0, false
}

func toBytes(n *node, v any) (any, error) {
	var b []byte
	switch v := v.(type) {
	case []byte:
		b = v
	case string:
		switch {
		case n.logical == "decimal":
			if len(v) > 2*n.digits+40 || strings.ContainsAny(v, "eEpPxX/_") {
				return nil, wrong("a text that is no decimal of at most %d digits", n.digits)
			}
			r, ok := new(big.Rat).SetString(v)
			if !ok {
				return nil, wrong("a text that is no decimal")
			}
			return decimalBytes(n, r)
		case n.logical == "uuid" && n.size == 16:
			return uuidBytes(v)
		}
		b = []byte(v)
	case *big.Rat:
		if n.logical == "decimal" && v != nil {
			return decimalBytes(n, v)
		}
		return nil, unfit(n, v)
	case int64, int, int32, float64:
		if n.logical != "decimal" {
			return nil, unfit(n, v)
		}
		return numberBytes(n, v)
	default:
		return nil, unfit(n, v)
	}
	if n.kind == kindFixed && len(b) != n.size {
		return nil, wrong("%d bytes, want the %d of fixed %s", len(b), n.size, n.name)
	}
	return b, nil
}

func numberBytes(n *node, v any) (any, error) {
	f, isFloat := v.(float64)
	if !isFloat {
		i, _ := integerOf(&node{kind: kindLong}, v)
		return decimalBytes(n, new(big.Rat).SetInt64(i.(int64)))
	}
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(f, 'f', -1, 64)) // 0.1 is meant, not its 55 digits
	if !ok {
		return nil, wrong("%v, want a decimal", f)
	}
	return decimalBytes(n, r)
}

func toArray(n *node, v any, depth int) (any, error) {
	items, ok := v.([]any)
	if !ok {
		return nil, unfit(n, v)
	}
	out := make([]any, len(items))
	for i, item := range items {
		var err error
		if out[i], err = toNative(n.items, item, depth+1); err != nil {
			return nil, within("["+strconv.Itoa(i)+"]", err)
		}
	}
	return out, nil
}

func toMap(n *node, v any, depth int) (any, error) {
	entries, ok := v.(map[string]any)
	if !ok {
		return nil, unfit(n, v)
	}
	if len(entries) > maxBlockItems {
		return nil, wrong("a map of %d entries, want at most %d", len(entries), maxBlockItems)
	}
	out := make(map[string]any, len(entries))
	for key, item := range entries {
		var err error
		if out[key], err = toNative(n.items, item, depth+1); err != nil {
			return nil, within("["+strconv.Quote(key[:min(len(key), 40)])+"]", err)
		}
	}
	return out, nil
}

func toRecord(n *node, v any, depth int) (any, error) {
	values, ok := v.(map[string]any)
	if !ok {
		return nil, unfit(n, v)
	}
	out := make(map[string]any, len(n.fields))
	found := 0
	for i := range n.fields {
		f := &n.fields[i]
		value, ok := values[f.name]
		switch {
		case ok:
			found++
		case f.hasDefault:
			value = f.value
		case !f.node.nullable():
			return nil, within("."+f.name, wrong("it is missing and has no default"))
		}
		var err error
		if out[f.name], err = toNative(f.node, value, depth+1); err != nil {
			return nil, within("."+f.name, err)
		}
	}
	if found < len(values) {
		return nil, unknownField(n, values)
	}
	return out, nil
}

// unknownField names the first field that a record has not.
func unknownField(n *node, values map[string]any) error {
	var unknown []string
	for name := range values {
		if !slices.ContainsFunc(n.fields, func(f field) bool { return f.name == name }) {
			unknown = append(unknown, name[:min(len(name), 40)])
		}
	}
	slices.Sort(unknown)
	return wrong("record %s has no field %q", n.name, unknown[0])
}

func (n *node) nullable() bool {
	return n.kind == kindNull || n.kind == kindUnion && slices.ContainsFunc(n.branches, func(b *node) bool { return b.kind == kindNull })
}

// toUnion takes the first branch that is nearest to the value.
func toUnion(n *node, v any, depth int) (any, error) {
	var best *node
	most := 0
	for _, b := range n.branches {
		if near := nearness(b, v); near > most {
			best, most = b, near
		}
	}
	if best == nil {
		names := make([]string, len(n.branches))
		for i, b := range n.branches {
			names[i] = b.name
		}
		return nil, wrong("%s, want one of %s", kindOf(v), strings.Join(names, ", "))
	}
	native, err := toNative(best, v, depth+1)
	if err != nil || best.kind == kindNull {
		return nil, err
	}
	return map[string]any{best.name: native}, nil
}

// nearness is 0 if a branch cannot hold a value, and the higher the nearer the branch is to the value's Go type.
func nearness(n *node, v any) int {
	const loose, near, exact = 1, 2, 3
	switch n.kind {
	case kindNull:
		if v == nil {
			return exact
		}
	case kindRecord:
		return recordNearness(n, v)
	case kindArray:
		if _, ok := v.([]any); ok {
			return exact
		}
	case kindMap:
		if _, ok := v.(map[string]any); ok {
			return near
		}
	case kindFloat, kindDouble:
		switch v.(type) {
		case float64, float32:
			return near + int(n.kind-kindFloat) // double before float
		}
		if _, ok := floatOf(v); ok {
			return loose
		}
	case kindBytes, kindFixed:
		if _, err := toBytes(n, v); err != nil {
			return 0
		}
		if _, ok := v.([]byte); ok || n.logical == "decimal" || n.logical == "uuid" {
			return near
		}
		return loose
	default:
		if _, err := toNative(n, v, 0); err != nil {
			return 0
		}
		if _, ok := v.(float64); ok { // a whole number in a float
			return loose
		}
		return exact
	}
	return 0
}

func recordNearness(n *node, v any) int {
	values, ok := v.(map[string]any)
	if !ok {
		return 0
	}
	found := 0
	for i := range n.fields {
		f := &n.fields[i]
		if _, ok := values[f.name]; ok {
			found++
		} else if !f.hasDefault && !f.node.nullable() {
			return 0
		}
	}
	if found < len(values) {
		return 0
	}
	return 3
}
