package protobuf

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The message index says which message of a file follows: how many steps down there are, and at each the place among the
// messages there, all as zigzag varints. The first message of a file, by far the most common, is the one byte 0 instead.

// pathOf is the place of a message in its file: first among its messages, then among those within each.
func pathOf(m protoreflect.MessageDescriptor, place func(protoreflect.Descriptor) int) []int {
	var path []int
	for d := protoreflect.Descriptor(m); ; d = d.Parent() {
		if _, isFile := d.(protoreflect.FileDescriptor); isFile {
			slices.Reverse(path)
			return path
		}
		path = append(path, place(d))
	}
}

// inText is the index of a message among those beside it in the text.
func inText(d protoreflect.Descriptor) int {
	parent, ok := d.Parent().(protoreflect.MessageDescriptor)
	if !ok {
		return d.Index()
	}
	before := 0
	for i := range d.Index() {
		if !parent.Messages().Get(i).IsMapEntry() {
			before++
		}
	}
	return before
}

// index is the place of the message that is wanted.
type index struct {
	want         []int
	countEntries []int // as some writers count
	file         protoreflect.FileDescriptor
}

func indexOf(m protoreflect.MessageDescriptor) index {
	return index{
		want:         pathOf(m, inText),
		countEntries: pathOf(m, protoreflect.Descriptor.Index),
		file:         m.ParentFile(),
	}
}

func isFirst(path []int) bool { return len(path) == 1 && path[0] == 0 }

func appendIndex(dst []byte, path []int) []byte {
	if isFirst(path) {
		return append(dst, 0)
	}
	dst = protowire.AppendVarint(dst, protowire.EncodeZigZag(int64(len(path))))
	for _, i := range path {
		dst = protowire.AppendVarint(dst, protowire.EncodeZigZag(int64(i)))
	}
	return dst
}

// cut returns what follows the index, which must be that of the message.
func (x index) cut(b []byte) ([]byte, error) {
	if len(b) > 0 && b[0] == 0 && isFirst(x.want) { // the usual case, without an allocation
		return b[1:], nil
	}
	path, rest, err := readIndex(b)
	if err != nil {
		return nil, fmt.Errorf("protobuf: %s: message index: %w", shown(b), err)
	}
	if slices.Equal(path, x.want) || slices.Equal(path, x.countEntries) && nameAt(x.file, path) == noMessage {
		return rest, nil
	}
	return nil, fmt.Errorf("protobuf: the message index %d stands for %s, want %d for %s",
		path, nameAt(x.file, path), x.want, nameAt(x.file, x.want))
}

// readIndex reads at most MaxDepth steps.
func readIndex(b []byte) (path []int, rest []byte, err error) {
	steps, rest, err := readInt(b)
	switch {
	case err != nil:
		return nil, nil, err
	case steps == 0:
		return []int{0}, rest, nil
	case steps < 0 || steps > MaxDepth:
		return nil, nil, fmt.Errorf("%d steps, want 0 to %d", steps, MaxDepth)
	}
	for range steps {
		var i int64
		if i, rest, err = readInt(rest); err != nil {
			return nil, nil, err
		}
		if i < 0 || i > math.MaxInt32 {
			return nil, nil, fmt.Errorf("step to %d, want 0 to %d", i, math.MaxInt32)
		}
		path = append(path, int(i))
	}
	return path, rest, nil
}

func readInt(b []byte) (int64, []byte, error) {
	v, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return 0, nil, protowire.ParseError(n)
	}
	return protowire.DecodeZigZag(v), b[n:], nil
}

const noMessage = "no message of the file"

// nameAt is the full name of the message at a place, for errors.
func nameAt(file protoreflect.FileDescriptor, path []int) string {
	messages := file.Messages()
	name := noMessage
	for _, want := range path {
		m := nth(messages, want)
		if m == nil {
			return noMessage
		}
		name, messages = string(m.FullName()), m.Messages()
	}
	return name
}

// nth is the message of a place, or nil.
func nth(messages protoreflect.MessageDescriptors, want int) protoreflect.MessageDescriptor {
	for i := range messages.Len() {
		if m := messages.Get(i); inText(m) == want && !m.IsMapEntry() {
			return m
		}
	}
	return nil
}

// find returns the message of a name, from any depth, or nil.
func find(messages protoreflect.MessageDescriptors, name protoreflect.FullName) protoreflect.MessageDescriptor {
	for i := range messages.Len() {
		m := messages.Get(i)
		if m.FullName() == name {
			return m
		}
		if strings.HasPrefix(string(name), string(m.FullName())+".") {
			return find(m.Messages(), name)
		}
	}
	return nil
}
