package protobuf

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/protoutil"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/rivusio/rivusio/serde/registry"
)

// mainFile is the path of a schema that has none of its own. No import can mean it.
const mainFile = "/schema.proto"

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
	left := budget{bytes: maxSchemaBytes, parts: maxSchemaParts}
	for path, text := range texts {
		if err := left.take(text); err != nil {
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
		return nil, detail{err}
	}
	return plainFile(new(protoregistry.Files), files[0])
}

// plainFile makes the descriptors of a file again, without the compiler's: those look for what they are asked each time.
func plainFile(known *protoregistry.Files, file protoreflect.FileDescriptor) (protoreflect.FileDescriptor, error) {
	for i := range file.Imports().Len() {
		imported := file.Imports().Get(i).FileDescriptor
		if _, err := known.FindFileByPath(imported.Path()); err == nil {
			continue
		}
		_, compiled := imported.(linker.Result)
		var err error
		if compiled {
			imported, err = plainFile(known, imported)
		}
		if err == nil && !compiled {
			err = known.RegisterFile(imported)
		}
		if err != nil {
			return nil, err
		}
	}
	plain, err := protodesc.NewFile(protoutil.ProtoFromFileDescriptor(file), known)
	if err != nil {
		return nil, err
	}
	return plain, known.RegisterFile(plain)
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
		return protocompile.SearchResult{}, fmt.Errorf("import %q is not among the references of the schema", cut(path))
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

// Imports are the paths of the files that a .proto file imports, without those that come with Protobuf.
func Imports(schema string) ([]string, error) {
	left := budget{bytes: maxSchemaBytes, parts: maxSchemaParts}
	if err := left.take(schema); err != nil {
		return nil, fmt.Errorf("protobuf: schema: %w", err)
	}
	file, err := parser.Parse(mainFile, strings.NewReader(schema), reporter.NewHandler(nil))
	if err != nil {
		return nil, fmt.Errorf("protobuf: schema: %w", detail{err})
	}
	var paths []string
	for _, d := range file.Decls {
		if i, ok := d.(*ast.ImportNode); ok && !comesWithProtobuf(i.Name.AsString()) {
			paths = append(paths, i.Name.AsString())
		}
	}
	return paths, nil
}

// maxShownFields bounds an error about fields.
const maxShownFields = 10

// readable reports the fields of the reader that would not recognise what the writer writes there, up to ten.
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
			case wf == nil || len(errs) == maxShownFields:
			case form(wf) != form(rf) || packed(wf) && !rf.IsList():
				errs = append(errs, fmt.Errorf("protobuf: field %d is %s in the writer's %s and %s in %s",
					rf.Number(), shownField(wf), cut(string(w.FullName())), shownField(rf), r.FullName()))
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
	return fmt.Sprintf("%s (%s)", cut(string(f.Name())), cut(kind))
}

func shownPath(file protoreflect.FileDescriptor) string {
	if file.Path() == mainFile {
		return fmt.Sprintf("of package %q", cut(string(file.Package())))
	}
	return cut(file.Path())
}

// shownNames lists messages, for errors.
func shownNames(messages protoreflect.MessageDescriptors) string {
	const maxNames = 10
	var names []string
	for i := range min(messages.Len(), maxNames) {
		names = append(names, cut(string(messages.Get(i).FullName())))
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
