package declarative

// schemaKinds are the serdes with schemas, in the order of the documentation.
func schemaKinds() []schemaKind { return nil }
