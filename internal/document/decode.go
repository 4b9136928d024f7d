package document

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
)

// Option is an option of [Decode].
type Option func(*options)

type options struct {
	base    any
	prefix  string
	environ []string
	env     bool
}

// Base gives the values of a struct, of the type that is decoded, that hold where the document says nothing. A field that is
// zero there has its default.
func Base(v any) Option { return func(o *options) { o.base = v } }

// Environ lays environment variables (as of os.Environ) over the document: PREFIX_KEY_SUBKEY is the value of key.subkey, in
// capitals, with _ for what is no letter or digit. A list may have commas; other composed values are written in YAML. A
// variable that begins with PREFIX_ and is none of these is a mistake.
func Environ(prefix string, environ []string) Option {
	return func(o *options) { o.prefix, o.environ, o.env = prefix, environ, true }
}

// Decode makes a T of a node. A nil node is a document that says nothing. The error has all mistakes (see [Join]); with one,
// the value is not to be used.
func Decode[T any](n *Node, opts ...Option) (T, error) {
	var v T
	err := decode(n, reflect.ValueOf(&v).Elem(), opts)
	return v, err
}

// Decode decodes the node into what a pointer points to, as the function [Decode] does, for types that decode themselves.
func (n *Node) Decode(into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("document: cannot decode into a %T, want a pointer", into)
	}
	return decode(n, v.Elem(), nil)
}

func decode(n *Node, v reflect.Value, opts []Option) error {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	s, err := shapeOf(v.Type())
	if err != nil {
		return err
	}
	if o.base != nil {
		b := reflect.ValueOf(o.base)
		if b.Type() != v.Type() {
			return fmt.Errorf("document: the base is a %T, want a %v", o.base, v.Type())
		}
		v.Set(b)
	}
	d := &decoder{root: n.Path()}
	if o.env {
		if err := d.variables(s, o.prefix, o.environ); err != nil {
			return err
		}
	}
	if s.form == formStruct {
		d.structure(s, n, n.Place(), n.Path(), indirect(s, v))
	} else {
		d.value(s, n, v)
	}
	return Join(d.errs...)
}

type decoder struct {
	errs []error
	root string           // path of the node that is decoded
	vars map[string]*Node // what environment variables say, by path
}

func (d *decoder) fail(place Place, path, format string, args ...any) bool {
	d.errs = append(d.errs, &Error{Path: path, Place: place, Err: fmt.Errorf(format, args...)})
	return false
}

// indirect is the variable behind the pointers of a shape, which is made if there is none.
func indirect(s *shape, v reflect.Value) reflect.Value {
	for range s.pointers {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	return v
}

// value decodes a node that is there into v and reports whether it could.
func (d *decoder) value(s *shape, n *Node, v reflect.Value) bool {
	if n.IsNull() && (s.pointers > 0 || s.form == formList || s.form == formMap) {
		v.SetZero()
		return true
	}
	v = indirect(s, v)
	before := len(d.errs)
	switch s.form {
	case formStruct:
		return d.structure(s, n, n.Place(), n.Path(), v)
	case formOwn:
		d.own(n, v)
	case formAny:
		if a := n.Any(); a != nil {
			v.Set(reflect.ValueOf(a))
		}
	case formList:
		d.list(s, n, v)
	case formMap:
		d.entries(s, n, v)
	default:
		if err := s.set(n, v); err != nil {
			d.fail(n.Place(), n.Path(), "%w", err)
		}
	}
	if len(d.errs) > before {
		return false
	}
	return d.validate(n, n.Place(), n.Path(), v)
}

// own lets a type decode itself.
func (d *decoder) own(n *Node, v reflect.Value) {
	defer func() {
		if r := recover(); r != nil {
			d.fail(n.Place(), n.Path(), "%w", recovered(v.Type().String()+".DecodeDocument", r))
		}
	}()
	d.errs = append(d.errs, at(n.Place(), n.Path(), v.Addr().Interface().(Decoder).DecodeDocument(n))...)
}

func (d *decoder) list(s *shape, n *Node, v reflect.Value) {
	if n.Kind() != List {
		d.fail(n.Place(), n.Path(), "want a list, have %s", n.described())
		return
	}
	list := reflect.MakeSlice(s.t, n.Len(), n.Len())
	for i, item := range n.Items() {
		d.value(s.elem, item, list.Index(i))
	}
	v.Set(list)
}

func (d *decoder) entries(s *shape, n *Node, v reflect.Value) {
	if n.Kind() != Map {
		d.fail(n.Place(), n.Path(), "want keys with values, have %s", n.described())
		return
	}
	m := reflect.MakeMapWithSize(s.t, n.Len())
	for key, item := range n.Entries() {
		elem := reflect.New(s.t.Elem()).Elem()
		d.value(s.elem, item, elem)
		m.SetMapIndex(reflect.ValueOf(key.text).Convert(s.t.Key()), elem)
	}
	v.Set(m)
}

// structure decodes the keys of a struct. n may be nil or null; the struct is then at place, and its fields have their
// defaults.
func (d *decoder) structure(s *shape, n *Node, place Place, path string, v reflect.Value) bool {
	before := len(d.errs)
	if !n.IsNull() && n.Kind() != Map {
		return d.fail(n.Place(), n.Path(), "want keys with values, have %s", n.described())
	}
	known := make([]string, len(s.fields))
	for i, f := range s.fields {
		known[i] = f.name
	}
	for key := range n.Entries() {
		if !contains(known, key.text) {
			d.errs = append(d.errs, unknownKey(path, key, known))
		}
	}
	for i := range s.fields {
		f := &s.fields[i]
		d.field(f, n.Get(f.name), place, Child(path, f.name), v.FieldByIndex(f.index))
	}
	if len(d.errs) > before {
		return false
	}
	return d.validate(n, place, path, v)
}

// field decodes the value of a key, or what holds without one.
func (d *decoder) field(f *field, n *Node, place Place, path string, v reflect.Value) {
	given := n
	if variable := d.vars[path]; variable != nil {
		given = variable
	}
	if f.shape.form == formStruct {
		d.section(f, given, place, path, v)
		return
	}
	switch {
	case given != nil && (!given.IsNull() || f.nullable()):
		v.SetZero()
		if d.value(f.shape, given, v) {
			d.bounds(f, v, given, path)
		}
	case given != nil && n != nil:
		d.fail(given.Place(), path, "it has no value")
	case !v.IsZero(): // what code gave
		d.bounds(f, v, nil, path)
	case f.defaults:
		n, err := f.shape.textNode(Place{}, path, f.value)
		if err == nil {
			d.value(f.shape, n, v)
		}
	case f.required:
		d.fail(place, path, "it is required")
	}
}

// nullable reports whether null says something.
func (f *field) nullable() bool { return f.shape.form == formAny || f.shape.form == formOwn }

// section decodes a struct in a struct. One behind a pointer is only there if something is said about it.
func (d *decoder) section(f *field, n *Node, place Place, path string, v reflect.Value) {
	if f.shape.pointers > 0 && n.IsNull() && v.IsNil() && !d.hasVariable(path) {
		if f.required {
			d.fail(place, path, "it is required")
		}
		return
	}
	if n != nil {
		place = n.Place()
	} else if f.required && v.IsZero() && !d.hasVariable(path) {
		d.fail(place, path, "it is required")
		return
	}
	d.structure(f.shape, n, place, path, indirect(f.shape, v))
}

// bounds checks the tags of a field against its value, which the node has given, or code if that is nil.
func (d *decoder) bounds(f *field, v reflect.Value, n *Node, path string) {
	place := n.Place()
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			if f.required {
				d.fail(place, path, "it is required")
			}
			return
		}
		v = v.Elem()
	}
	switch f.shape.form {
	case formText:
		d.enum(f, v, place, path)
	case formList:
		if f.required && v.Len() == 0 {
			d.fail(place, path, "it is empty, want at least one")
			return
		}
		for i := range v.Len() {
			at := place
			if i < n.Len() {
				at = n.items[i].place
			}
			d.enum(f, v.Index(i), at, path+"["+strconv.Itoa(i)+"]")
		}
	}
	if problem := f.outside(v); problem != "" {
		d.fail(place, path, "%s", problem)
	}
}

// enum checks one text of a field.
func (d *decoder) enum(f *field, v reflect.Value, place Place, path string) {
	if v.Kind() != reflect.String {
		return
	}
	switch text := v.String(); {
	case f.required && text == "":
		d.fail(place, path, "it is empty")
	case f.enum != nil && !slices.Contains(f.enum, text):
		d.fail(place, path, "%q is not one of %s%s", shortened(text), listed(f.enum), didYouMean(text, f.enum))
	}
}

// validate calls the method Validate of a value, if there is one.
func (d *decoder) validate(n *Node, place Place, path string, v reflect.Value) (ok bool) {
	x, is := v.Interface().(validator)
	if !is {
		if x, is = v.Addr().Interface().(validator); !is {
			return true
		}
	}
	before := len(d.errs)
	defer func() {
		if r := recover(); r != nil {
			ok = d.fail(place, path, "%w", recovered(v.Type().String()+".Validate", r))
		}
	}()
	for _, err := range flatten(nil, []error{x.Validate()}) {
		p, at, key := place, path, (*KeyError)(nil)
		if errors.As(err, &key) {
			at, err = Child(path, key.Key), key.Err
			if variable := d.vars[at]; variable != nil {
				p = variable.place
			} else if value := n.Get(key.Key); value != nil {
				p = value.place
			}
		}
		d.fail(p, at, "%w", err)
	}
	return len(d.errs) == before
}

// set decodes one scalar.
func (s *shape) set(n *Node, v reflect.Value) error {
	if n.Kind() != Scalar || n.IsNull() {
		return fmt.Errorf("want a %s, have %s", names[s.form], n.described())
	}
	switch s.form {
	case formText:
		v.SetString(n.text) // also of a number or true: a name may look like one
		return nil
	case formMarshaled:
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.text)); err != nil {
			return err
		}
		return nil
	case formBool:
		b, ok := n.scalar.(bool)
		if !ok {
			return fmt.Errorf("want true or false, have %s", n.described())
		}
		v.SetBool(b)
		return nil
	case formDuration:
		d, err := parseDuration(n.text)
		v.SetInt(int64(d))
		return err
	case formFloat:
		return setFloat(n, v)
	}
	return s.setInt(n, v)
}

func setFloat(n *Node, v reflect.Value) error {
	var f float64
	switch x := n.scalar.(type) {
	case int64:
		f = float64(x)
	case float64:
		f = x
	default:
		return fmt.Errorf("want a number, have %s", n.described())
	}
	if f != f || v.OverflowFloat(f) {
		return fmt.Errorf("%s is no number that fits", shortened(n.text))
	}
	v.SetFloat(f)
	return nil
}

func (s *shape) setInt(n *Node, v reflect.Value) error {
	i, whole := n.scalar.(int64)
	switch {
	case whole:
	case s.form == formBytes:
		var err error
		if i, err = parseBytes(n.text); err != nil {
			return err
		}
	default:
		return fmt.Errorf("want a whole number, have %s", n.described())
	}
	if v.CanUint() {
		if i < 0 || v.OverflowUint(uint64(i)) {
			return fmt.Errorf("%d is out of range", i)
		}
		v.SetUint(uint64(i))
		return nil
	}
	if v.OverflowInt(i) {
		return fmt.Errorf("%d is out of range", i)
	}
	v.SetInt(i)
	return nil
}
