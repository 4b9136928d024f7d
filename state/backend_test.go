package state_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/state/storetest"
)

func openMemFS(t testing.TB) *state.Pebble {
	b, err := state.OpenPebble(state.PebbleOptions{Dir: "db", FS: vfs.NewMem(), MemTableBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) state.Backend { return state.NewMemory() })
}

func TestPebble(t *testing.T) {
	storetest.Run(t, func(t *testing.T) state.Backend { return openMemFS(t) })
}
