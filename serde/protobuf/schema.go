package protobuf

import (
	"fmt"

	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rivusio/rivusio/serde/registry"
)

// schemaOf is the schema of the file that has the message.
func schemaOf(m protoreflect.MessageDescriptor) (registry.Schema, error) {
	s, err := schemaOfFile(m.ParentFile())
	s.Name = string(m.FullName())
	return s, err
}

func schemaOfFile(file protoreflect.FileDescriptor) (registry.Schema, error) {
	s := registry.Schema{Type: registry.Protobuf}
	var err error
	printer := protoprint.Printer{}
	if s.Text, err = printer.PrintProtoToString(file); err != nil {
		return s, fmt.Errorf("file %s as text: %w", file.Path(), err)
	}
	for i := range file.Imports().Len() {
		imported := file.Imports().Get(i).FileDescriptor
		if comesWithProtobuf(imported.Path()) {
			continue
		}
		if imported.IsPlaceholder() {
			return s, fmt.Errorf("file %s imports %s, which is not linked into this program", file.Path(), imported.Path())
		}
		of, err := schemaOfFile(imported)
		if err != nil {
			return s, err
		}
		s.References = append(s.References, registry.Reference{Name: imported.Path(), Subject: imported.Path(), Schema: of})
	}
	return s, nil
}
