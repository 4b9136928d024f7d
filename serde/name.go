package serde

import "fmt"

// Namer is implemented by a [Serde] that has a name for people and for comparisons: two serdes of one name write the same bytes.
type Namer interface {
	Name() string
}

// Name is what descriptions call a serde: the name that it gives itself ([Namer]), or that of the serde on which it stands
// ([Wrapper]), or else its Go type. "" for nil. All of [JSON] have one name, whatever the type: what a change of fields does
// to values that were written before is not a matter of the name.
func Name(s any) string {
	if s == nil {
		return ""
	}
	if n := find[Namer](s); n != nil {
		return n.Name()
	}
	return fmt.Sprintf("%T", s)
}

const jsonName = "JSON"

// Name implements [Namer]. So do those below.
func (stringSerde) Name() string     { return "String" }
func (bytesSerde) Name() string      { return "Bytes" }
func (s integer[T]) Name() string    { return s.name }
func (float64Serde) Name() string    { return "Float64" }
func (float32Serde) Name() string    { return "Float32" }
func (boolSerde) Name() string       { return "Bool" }
func (timeSerde) Name() string       { return "Time" }
func (jsonAny) Name() string         { return jsonName }
func (*jsonText) Name() string       { return jsonName }
func (c *converted[T]) Name() string { return Name(c.base.serde()) }
