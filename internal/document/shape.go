package document

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Decoder is a type that decodes itself, by a method of its pointer: a union, an expression. Mistakes that have no place get
// that of the node.
type Decoder interface {
	DecodeDocument(*Node) error
}

// Schemer is a type with a JSON Schema of its own. The method is called on a zero value.
type Schemer interface {
	DocumentSchema() map[string]any
}

// validator is a type that knows more rules than its tags say.
type validator interface{ Validate() error }

// form is how a type is decoded.
type form int

const (
	formText form = iota
	formBool
	formInt
	formFloat
	formDuration
	formBytes // an integer with a unit
	formMarshaled
	formAny
	formOwn
	formList
	formMap
	formStruct
)

// names are the forms as messages and references have them.
var names = map[form]string{
	formText: "text", formBool: "true or false", formInt: "number", formFloat: "number", formDuration: "duration",
	formBytes: "size", formMarshaled: "text", formAny: "any", formOwn: "value", formList: "list", formMap: "map", formStruct: "section",
}

// shape is a type, taken apart.
type shape struct {
	t        reflect.Type // without pointers
	pointers int
	form     form
	elem     *shape  // of a list or map
	fields   []field // of a struct
}

type field struct {
	name     string
	doc      string
	index    []int
	shape    *shape
	value    string // default
	defaults bool
	required bool
	enum     []string
	min, max *bound
}

// bound is a limit; which number of it counts is a matter of the shape.
type bound struct {
	text  string
	whole int64
	float float64
}

var (
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	decoderType     = reflect.TypeFor[Decoder]()
	durationType    = reflect.TypeFor[time.Duration]()
	anyType         = reflect.TypeFor[any]()
)

// Check returns what makes T a type that cannot be decoded.
func Check[T any]() error {
	_, err := shapeOf(reflect.TypeFor[T]())
	return err
}

func shapeOf(t reflect.Type) (*shape, error) {
	s, err := newShape(t, "", nil)
	if err != nil {
		return nil, fmt.Errorf("document: type %v: %w", t, err)
	}
	return s, nil
}

// newShape takes a type apart. outer are the structs that it lies in.
func newShape(t reflect.Type, unit string, outer []reflect.Type) (*shape, error) {
	s := &shape{}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
		s.pointers++
	}
	s.t = t
	var err error
	switch k := t.Kind(); {
	case reflect.PointerTo(t).Implements(decoderType):
		s.form = formOwn
	case t == durationType:
		s.form = formDuration
	case reflect.PointerTo(t).Implements(textUnmarshaler):
		s.form = formMarshaled
	case t == anyType:
		s.form = formAny
	case k == reflect.String:
		s.form = formText
	case k == reflect.Bool:
		s.form = formBool
	case k >= reflect.Int && k <= reflect.Uint64:
		s.form = formInt
		if unit == "bytes" {
			s.form = formBytes
		}
	case k == reflect.Float32 || k == reflect.Float64:
		s.form = formFloat
	case k == reflect.Slice:
		s.form = formList
		s.elem, err = newShape(t.Elem(), unit, outer)
	case k == reflect.Map && t.Key().Kind() == reflect.String:
		s.form = formMap
		s.elem, err = newShape(t.Elem(), unit, outer)
	case k == reflect.Struct:
		s.form = formStruct
		err = s.addFields(t, nil, outer)
	default:
		err = fmt.Errorf("%v cannot be read from a document", t)
	}
	return s, err
}

// addFields adds the fields of a struct that is s itself or lies inline in it, at an index.
func (s *shape) addFields(t reflect.Type, index []int, outer []reflect.Type) error {
	for _, o := range outer {
		if o == t {
			return fmt.Errorf("%v contains itself", t)
		}
	}
	outer = append(outer[:len(outer):len(outer)], t)
	var errs []error
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(index[:len(index):len(index)], i)
		name, inline := strings.CutSuffix(sf.Tag.Get("yaml"), ",inline")
		var err error
		switch {
		case name == "-" || !sf.IsExported() && !sf.Anonymous:
		case inline && sf.Type.Kind() == reflect.Struct:
			err = s.addFields(sf.Type, at, outer)
		case !sf.IsExported():
			err = errors.New("an embedded struct that is not exported cannot be set")
		case inline:
			err = errors.New("only a struct can be inline")
		case name == "" || strings.Contains(name, ","):
			err = errors.New(`it wants a tag yaml:"name"`)
		default:
			err = s.addField(name, sf, at, outer)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("field %s: %w", sf.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (s *shape) addField(name string, sf reflect.StructField, index []int, outer []reflect.Type) error {
	for _, f := range s.fields {
		if f.name == name {
			return fmt.Errorf("the key %q is that of another field", name)
		}
	}
	f := field{name: name, doc: sf.Tag.Get("doc"), index: index, required: sf.Tag.Get("required") == "true"}
	unit := sf.Tag.Get("unit")
	if unit != "" && unit != "bytes" {
		return fmt.Errorf("the unit %q is not known", unit)
	}
	var err error
	if f.shape, err = newShape(sf.Type, unit, outer); err != nil {
		return err
	}
	if enum := sf.Tag.Get("enum"); enum != "" {
		f.enum = strings.Split(enum, ",")
		if f.shape.form != formText && (f.shape.form != formList || f.shape.elem.form != formText) {
			return errors.New("only texts have an enum")
		}
	}
	if f.min, err = f.shape.bound(sf.Tag.Get("min")); err != nil {
		return fmt.Errorf("min: %w", err)
	}
	if f.max, err = f.shape.bound(sf.Tag.Get("max")); err != nil {
		return fmt.Errorf("max: %w", err)
	}
	f.value, f.defaults = sf.Tag.Lookup("default")
	if err := f.checkDefault(); err != nil {
		return fmt.Errorf("default: %w", err)
	}
	s.fields = append(s.fields, f)
	return nil
}

// bound reads the tag min or max of a field of this shape.
func (s *shape) bound(text string) (*bound, error) {
	if text == "" {
		return nil, nil
	}
	b := &bound{text: text}
	var err error
	switch s.form {
	case formDuration:
		var d time.Duration
		d, err = time.ParseDuration(text)
		b.whole = int64(d)
	case formBytes:
		b.whole, err = parseBytes(text)
	case formInt, formList:
		b.whole, err = strconv.ParseInt(text, 10, 64)
	case formFloat:
		b.float, err = strconv.ParseFloat(text, 64)
	default:
		err = fmt.Errorf("a %s has no bounds", names[s.form])
	}
	return b, err
}

func (f *field) checkDefault() error {
	switch {
	case !f.defaults:
		return nil
	case f.required:
		return errors.New("what is required has none")
	case f.shape.form == formStruct:
		return errors.New("a struct has those of its fields")
	}
	d := &decoder{}
	n, err := f.shape.textNode(Place{}, "", f.value)
	if err != nil {
		return err
	}
	v := reflect.New(f.shape.t).Elem()
	if d.value(f.shape.base(), n, v) {
		d.bounds(f, v, n, n.path)
	}
	return Join(d.errs...)
}

// base is the shape without pointers.
func (s *shape) base() *shape {
	if s.pointers == 0 {
		return s
	}
	b := *s
	b.pointers = 0
	return &b
}

// simple reports whether any text is one scalar of this shape.
func (s *shape) simple() bool { return s.form <= formMarshaled }

// textNode makes a node of the text of a default or an environment variable. A list may have commas instead of brackets;
// other composed values are YAML.
func (s *shape) textNode(place Place, path, text string) (*Node, error) {
	switch {
	case s.simple():
		return scalarNode(place, path, text), nil
	case s.form == formList && s.elem.simple() && !strings.HasPrefix(strings.TrimSpace(text), "["):
		n := &Node{kind: List, place: place, path: path}
		for i, item := range strings.Split(text, ",") {
			if text != "" {
				n.items = append(n.items, scalarNode(place, path+"["+strconv.Itoa(i)+"]", strings.TrimSpace(item)))
			}
		}
		return n, nil
	}
	return parse(place, path, []byte(text))
}
