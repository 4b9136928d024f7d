package protobuf

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/rivusio/rivusio/serde/registry"
)

// mainFile is the path of a schema that has none of its own. No import can mean it.
const mainFile = "/schema.proto"

// maxNesting bounds the brackets of a schema: the compiler goes down them by recursion.
const maxNesting = 64

// maxSchemaBytes bounds a schema with its references.
const maxSchemaBytes = 1 << 20

// comesWithProtobuf reports whether every compiler has the file of an import.
func comesWithProtobuf(path string) bool { return strings.HasPrefix(path, "google/protobuf/") }

// parse compiles the text of a schema and what it refers to.
func parse(s registry.Schema) (file protoreflect.FileDescriptor, err error) {
	if s.Type != registry.Protobuf {
		return nil, fmt.Errorf("it is of type %q, want %q", s.Type, registry.Protobuf)
	}
	texts := map[string]string{}
	if err := collect(texts, mainFile, s, 0); err != nil {
		return nil, err
	}
	total := 0
	for path, text := range texts {
		if total += len(text); total > maxSchemaBytes {
			return nil, fmt.Errorf("more than %d bytes with its references", maxSchemaBytes)
		}
		if err := checkNesting(text); err != nil {
			return nil, fmt.Errorf("%s: %w", strings.TrimPrefix(path, "/"), err)
		}
	}
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("the compiler gave up: %v", p)
		}
	}()
	compiler := protocompile.Compiler{
		MaxParallelism: 1,
		Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
			return resolve(texts, path)
		})),
	}
	files, err := compiler.Compile(context.Background(), mainFile)
	if err != nil {
		return nil, err
	}
	return files[0], nil
}

// collect adds a schema and all that it refers to, by path.
func collect(texts map[string]string, path string, s registry.Schema, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("references more than %d deep", maxNesting)
	}
	if _, known := texts[path]; known {
		return nil
	}
	texts[path] = s.Text
	for _, r := range s.References {
		if err := collect(texts, r.Name, r.Schema, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func resolve(texts map[string]string, path string) (protocompile.SearchResult, error) {
	text, ok := texts[path]
	if !ok {
		return protocompile.SearchResult{}, fmt.Errorf("import %q is not among the references of the schema", path)
	}
	if p := fromBase64(text); p != nil {
		p.Name = proto.String(path)
		return protocompile.SearchResult{Proto: p}, nil
	}
	return protocompile.SearchResult{Source: strings.NewReader(text)}, nil
}

// fromBase64 returns the descriptor that the text is in base64, or nil: no .proto file looks like it.
func fromBase64(text string) *descriptorpb.FileDescriptorProto {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(b) == 0 {
		return nil
	}
	p := new(descriptorpb.FileDescriptorProto)
	if (proto.UnmarshalOptions{RecursionLimit: maxNesting}).Unmarshal(b, p) != nil {
		return nil
	}
	return p
}

var errNesting = fmt.Errorf("brackets more than %d deep", maxNesting)

// checkNesting looks at the brackets outside of comments and strings.
func checkNesting(text string) error {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '{', '[', '(', '<':
			if depth++; depth > maxNesting {
				return errNesting
			}
		case '}', ']', ')', '>':
			depth--
		case '"', '\'':
			for i++; i < len(text) && text[i] != c && text[i] != '\n'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '/':
			i = skipComment(text, i)
		}
	}
	return nil
}

// skipComment returns the last byte of a comment that begins at i, or i.
func skipComment(text string, i int) int {
	end := -1
	switch rest := text[i:]; {
	case strings.HasPrefix(rest, "//"):
		end = strings.IndexByte(rest, '\n')
	case strings.HasPrefix(rest, "/*"):
		if end = strings.Index(rest[2:], "*/"); end >= 0 {
			end += 3
		}
	default:
		return i
	}
	if end < 0 {
		return len(text)
	}
	return i + end
}

// readable reports the fields of the reader that would not recognise what the writer writes there, all of them.
func readable(writer, reader protoreflect.MessageDescriptor) error {
	type pair struct{ writer, reader protoreflect.FullName }
	seen := map[pair]bool{}
	var errs []error
	var walk func(w, r protoreflect.MessageDescriptor)
	walk = func(w, r protoreflect.MessageDescriptor) {
		p := pair{w.FullName(), r.FullName()}
		if seen[p] {
			return
		}
		seen[p] = true
		for i := range r.Fields().Len() {
			rf := r.Fields().Get(i)
			wf := w.Fields().ByNumber(rf.Number())
			switch {
			case wf == nil:
			case form(wf) != form(rf) || packed(wf) && !rf.IsList():
				errs = append(errs, fmt.Errorf("protobuf: field %d is %s in the writer's %s and %s in %s",
					rf.Number(), shownField(wf), w.FullName(), shownField(rf), r.FullName()))
			case wf.Message() != nil && rf.Message() != nil:
				walk(wf.Message(), rf.Message())
			}
		}
	}
	walk(writer, reader)
	return errors.Join(errs...)
}

// packed reports whether several values may be in one piece, which only a list takes.
func packed(f protoreflect.FieldDescriptor) bool { return f.IsList() && f.IsPacked() }

// form is the same for fields that can be read as one another.
func form(f protoreflect.FieldDescriptor) string {
	switch f.Kind() {
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.Uint64Kind,
		protoreflect.BoolKind, protoreflect.EnumKind:
		return "varint"
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return "zigzag"
	case protoreflect.StringKind, protoreflect.BytesKind:
		return "bytes"
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return "fixed32"
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return "fixed64"
	}
	return f.Kind().String() // float, double, message, group
}

func shownField(f protoreflect.FieldDescriptor) string {
	kind := f.Kind().String()
	if m := f.Message(); m != nil {
		kind = string(m.FullName())
	}
	if f.IsList() {
		kind = "repeated " + kind
	}
	return fmt.Sprintf("%s (%s)", f.Name(), kind)
}

func shownPath(file protoreflect.FileDescriptor) string {
	if file.Path() == mainFile {
		return fmt.Sprintf("of package %q", file.Package())
	}
	return file.Path()
}

// shownNames lists messages, for errors.
func shownNames(messages protoreflect.MessageDescriptors) string {
	const maxNames = 10
	var names []string
	for i := range min(messages.Len(), maxNames) {
		names = append(names, string(messages.Get(i).FullName()))
	}
	slices.Sort(names)
	switch {
	case len(names) == 0:
		return "none at all"
	case messages.Len() > maxNames:
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}
