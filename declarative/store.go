package declarative

import (
	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/topology"
)

// StoreKind is what a store holds.
type StoreKind int

// The kinds of stores of tables.
const (
	KeyValueStore  StoreKind = iota // rows by key
	WindowStore                     // rows by key and window
	SessionStore                    // rows by key and session
	VersionedStore                  // rows by key, with their history
	OtherStore                      // nothing that can be read as rows
)

// Store is a store of a table, with the serdes that the file gives it.
type Store struct {
	Name       string
	Kind       StoreKind
	Key, Value Codec
}

func storeOf(o *storeOptions) StoreKind {
	if o.Versioned != nil {
		return VersionedStore
	}
	return KeyValueStore
}

// keeps notes a store of a table.
func (l *loader) keeps(n *document.Node, name string, k, v *format, kind StoreKind) {
	if name == "" {
		return
	}
	l.mark(name, n)
	l.file.Stores[name] = Store{Name: name, Kind: kind, Key: Codec{k}, Value: Codec{v}}
}

// storeOptions are the options of a store. v is the format of its values, which store_serde changes.
func (l *loader) storeOptions(n *document.Node, o *storeOptions, k *format, v **format) (options []topology.StoreOption) {
	if o.InMemory {
		options = append(options, topology.InMemory())
	}
	if !o.Changelog {
		options = append(options, topology.NoChangelog())
	}
	if o.EmitOnCommit {
		options = append(options, topology.EmitOnCommit())
	}
	if o.Retention != nil {
		options = append(options, topology.Retention(*o.Retention))
	}
	if o.TTL != nil {
		options = append(options, topology.TTL(*o.TTL))
	}
	if o.Versioned != nil {
		options = append(options, topology.Versioned(*o.Versioned))
	}
	if o.StoreSerde.node != nil {
		*v = l.formatOf(o.StoreSerde, "", false)
		options = append(options, topology.StoreSerdes(k.serde, (*v).serde))
	}
	return options
}
