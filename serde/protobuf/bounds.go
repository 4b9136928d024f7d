package protobuf

import (
	"fmt"
	"reflect"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// plan says what a message of one type takes when it is decoded. Plans are made once for each type.
type plan struct {
	bytes  int                             // of the message itself, with what the allocator and a list or map around it add
	fields map[protowire.Number]*planField // those that have more to them than a scalar
	worst  int                             // the most bytes for one byte of input, of this message and all below it
}

type planField struct {
	message  *plan // nil for scalars
	perValue int   // bytes for each occurrence
	perByte  int   // bytes for each byte of a packed list
}

const (
	// Each append to a list or map may copy it: a list that grows costs about three times its last length in all.
	growth = 3
	// A string, a slice of bytes and an interface have a header of up to three words.
	headerBytes = 24
	// An entry of a map has a key and a value, and as much again for the free slots.
	entryBytes = 2 * (2*headerBytes + 8)
	// Each field counts for this much at least, whatever it is: it takes time, if no memory.
	fieldBytes = 96
	// The box of a oneof is made again for each field, which takes the most time.
	boxBytes = 192
	// The smallest field has a tag of one byte and a length or value of one byte.
	smallestBytes = 2
)

// Of messages without a Go type, which become maps: a field is an entry of the message's map and one of the map that it becomes,
// each of which is made with room for eight.
const (
	dynamicMapBytes   = 360
	dynamicEntryBytes = 192
	dynamicUnsetBytes = 96 // an entry of a field that the value has anyway
	dynamicItemBytes  = 96 // an item of the list that a list becomes; it takes more time than memory
)

// planner makes plans of messages, each type once.
type planner struct {
	plans   map[protoreflect.FullName]*plan
	dynamic bool // the messages have no Go type, and become maps
}

// planOf makes the plan of a message, which may be any of its type.
func planOf(m protoreflect.Message, dynamic bool) *plan {
	pl := planner{plans: map[protoreflect.FullName]*plan{}, dynamic: dynamic}
	p := pl.plan(m)
	for _, below := range pl.plans {
		p.worst = max(p.worst, below.worst)
	}
	return p
}

func (pl *planner) plan(m protoreflect.Message) *plan {
	name := m.Descriptor().FullName()
	if p := pl.plans[name]; p != nil {
		return p
	}
	p := &plan{
		bytes:  int(reflect.TypeOf(m.Interface()).Elem().Size()) + growth*8,
		fields: map[protowire.Number]*planField{},
		worst:  (fieldBytes + growth*smallestBytes) / smallestBytes, // of unknown fields, which are kept as bytes
	}
	pl.plans[name] = p
	fields := m.Descriptor().Fields()
	if pl.dynamic {
		p.bytes += 2*dynamicMapBytes + growth*headerBytes + dynamicItemBytes
		for i := range fields.Len() {
			if !fields.Get(i).HasPresence() { // the map has it anyway
				p.bytes += dynamicUnsetBytes
			}
		}
	}
	for i := range fields.Len() {
		p.add(fields.Get(i).Number(), pl.field(m, fields.Get(i)))
	}
	if pl.dynamic {
		return p
	}
	protoregistry.GlobalTypes.RangeExtensionsByMessage(name, func(x protoreflect.ExtensionType) bool {
		f := pl.field(m, x.TypeDescriptor())
		f.perValue += entryBytes // extensions are in a map
		p.add(x.TypeDescriptor().Number(), f)
		return true
	})
	return p
}

func (p *plan) add(n protowire.Number, f *planField) {
	p.fields[n] = f
	p.worst = max(p.worst, (fieldBytes+f.perValue+smallestBytes-1)/smallestBytes, f.perByte)
}

func (pl *planner) field(m protoreflect.Message, f protoreflect.FieldDescriptor) *planField {
	switch {
	case f.IsMap():
		out := &planField{perValue: growth * entryBytes}
		if pl.dynamic {
			out.perValue += 2 * dynamicEntryBytes
		}
		if f.MapValue().Message() != nil {
			value := pl.plan(m.NewField(f).Map().NewValue().Message())
			out.perValue += value.bytes
			// An entry is a message of its own on the wire, with the value in field 2.
			out.message = &plan{fields: map[protowire.Number]*planField{2: {message: value}}}
		}
		return out
	case f.Message() != nil:
		one := pl.plan(messageIn(m.NewField(f), f))
		out := &planField{message: one, perValue: one.bytes}
		if f.ContainingOneof() != nil {
			out.perValue += boxBytes
		}
		return out
	case f.IsList() && pl.dynamic: // of values of three words
		each := growth*headerBytes + dynamicItemBytes
		return &planField{perValue: each, perByte: each}
	case f.IsList():
		return &planField{perValue: growth * headerBytes, perByte: growth * 8}
	case pl.dynamic:
		return &planField{perValue: headerBytes + 2*dynamicEntryBytes}
	}
	return &planField{perValue: headerBytes} // its content, an optional's pointer or the box of a oneof
}

func messageIn(v protoreflect.Value, f protoreflect.FieldDescriptor) protoreflect.Message {
	if f.IsList() {
		return v.List().NewElement().Message()
	}
	return v.Message()
}

// check refuses a message that is too long or would take too much. Short ones cannot, and cost nothing here.
func (p *plan) check(b []byte) error {
	if len(b) > MaxBytes {
		return fmt.Errorf("more than %d bytes", MaxBytes)
	}
	if len(b)*p.worst <= MaxMemory {
		return nil
	}
	left := MaxMemory - len(b) // strings, bytes and unknown fields are copied
	return p.count(b, &left, MaxDepth)
}

var errMemory = fmt.Errorf("it would take more than %d bytes of memory", MaxMemory)

// count takes what b will take from left. What is no message is left for the decoder to refuse, with what is counted so far.
func (p *plan) count(b []byte, left *int, depth int) error {
	if depth == 0 {
		return nil // the decoder refuses it
	}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil
		}
		size := protowire.ConsumeFieldValue(num, typ, b[n:])
		if size < 0 {
			return nil
		}
		*left -= fieldBytes
		if f := p.fields[num]; f != nil {
			if err := f.count(num, typ, b[n:n+size], left, depth); err != nil {
				return err
			}
		}
		if *left < 0 {
			return errMemory
		}
		b = b[n+size:]
	}
	return nil
}

func (f *planField) count(num protowire.Number, typ protowire.Type, value []byte, left *int, depth int) error {
	*left -= f.perValue
	var content []byte
	switch typ {
	case protowire.BytesType:
		content, _ = protowire.ConsumeBytes(value)
	case protowire.StartGroupType:
		content, _ = protowire.ConsumeGroup(num, value)
		*left -= len(content) // its end is found by reading all of it, again at each level
	default:
		return nil
	}
	*left -= f.perByte * len(content)
	if f.message == nil || *left < 0 {
		return nil
	}
	return f.message.count(content, left, depth-1)
}
