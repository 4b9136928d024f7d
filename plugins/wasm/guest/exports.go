//go:build wasip1

package guest

import "unsafe"

// room and answer are what passes between host and plugin. Both stay where they are until they are made anew.
var room, answer []byte

//go:wasmexport rivusio_abi
func abi() int32 { return 1 }

//go:wasmexport rivusio_alloc
func alloc(size uint32) uint32 {
	room = make([]byte, size)
	return place(room)
}

//go:wasmexport rivusio_describe
func describe() uint64 {
	text, err := registered.describe()
	return give(text, err)
}

//go:wasmexport rivusio_configure
func configure(_, size uint32) uint64 {
	text, err := registered.configure(room[:size])
	return give(text, err)
}

//go:wasmexport rivusio_process
func process(_, size uint32) uint64 {
	text, err := registered.process(answer[:0], room[:size])
	return give(text, err)
}

func give(text []byte, err error) uint64 {
	if err != nil {
		text = failed(text[:0], err)
	}
	answer = text
	if len(text) == 0 {
		return 0
	}
	return uint64(place(text))<<32 | uint64(len(text))
}

func place(b []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
