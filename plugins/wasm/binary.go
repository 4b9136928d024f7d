package wasm

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Bounds of the tables of a module, which the runtime does not bound: a table may grow as a memory does.
const (
	maxTables       = 4
	maxTableEntries = 1 << 20
)

const tableSection = 4

var errCutShort = errors.New("it is cut short")

// boundTables is a module whose tables cannot grow beyond the bound. Only that section is looked at; the runtime
// checks all.
func boundTables(module []byte) ([]byte, error) {
	const header = 8
	if len(module) < header || string(module[:4]) != "\x00asm" {
		return nil, errors.New("it is no WebAssembly module")
	}
	out := append(make([]byte, 0, len(module)+8*maxTables), module[:header]...)
	for rest := module[header:]; len(rest) > 0; {
		id := rest[0]
		size, n := binary.Uvarint(rest[1:])
		if n <= 0 || size > uint64(len(rest)-1-n) {
			return nil, errCutShort
		}
		end := 1 + n + int(size)
		if id != tableSection {
			out = append(out, rest[:end]...)
			rest = rest[end:]
			continue
		}
		body, err := boundTableSection(rest[1+n : end])
		if err != nil {
			return nil, err
		}
		out = append(binary.AppendUvarint(append(out, id), uint64(len(body))), body...)
		rest = rest[end:]
	}
	return out, nil
}

// boundTableSection rewrites the tables: each is the type of its entries, whether it has a largest size, its size and that.
func boundTableSection(b []byte) ([]byte, error) {
	number := func() (v uint64, err error) {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, errCutShort
		}
		b = b[n:]
		return v, nil
	}
	count, err := number()
	if err != nil {
		return nil, err
	}
	if count > maxTables {
		return nil, fmt.Errorf("it has %d tables, more than %d", count, maxTables)
	}
	out := binary.AppendUvarint(nil, count)
	for range count {
		if len(b) < 2 {
			return nil, errCutShort
		}
		kind, limited := b[0], b[1]
		if kind != 0x70 && kind != 0x6f || limited > 1 { // functions or references from outside
			return nil, errors.New("it has a table of a kind that is not known")
		}
		b = b[2:]
		least, err := number()
		if err != nil {
			return nil, err
		}
		most := uint64(maxTableEntries)
		if limited == 1 {
			if most, err = number(); err != nil {
				return nil, err
			}
		}
		if least > maxTableEntries {
			return nil, fmt.Errorf("it has a table of %d entries, more than %d", least, maxTableEntries)
		}
		out = append(out, kind, 1)
		out = binary.AppendUvarint(out, least)
		out = binary.AppendUvarint(out, min(most, maxTableEntries))
	}
	return out, nil
}
