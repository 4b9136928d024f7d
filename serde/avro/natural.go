package avro

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
)

// fromNative turns what the libraries decode into the forms of [Dynamic]. Arrays, maps and records are changed in place.
func fromNative(n *node, v any) (any, error) {
	switch n.kind {
	case kindInt:
		if i, ok := v.(int32); ok {
			return int64(i), nil
		}
	case kindFloat:
		if f, ok := v.(float32); ok {
			return float64(f), nil
		}
	case kindBytes, kindFixed:
		return fromBytes(n, v)
	case kindArray:
		items, ok := v.([]any)
		if !ok {
			return nil, wrong("a %T where an array should be", v)
		}
		for i := range items {
			var err error
			if items[i], err = fromNative(n.items, items[i]); err != nil {
				return nil, within("["+strconv.Itoa(i)+"]", err)
			}
		}
	case kindMap:
		entries, ok := v.(map[string]any)
		if !ok {
			return nil, wrong("a %T where a map should be", v)
		}
		for key, item := range entries {
			var err error
			if entries[key], err = fromNative(n.items, item); err != nil {
				return nil, within("["+strconv.Quote(key)+"]", err)
			}
		}
	case kindRecord:
		fields, ok := v.(map[string]any)
		if !ok {
			return nil, wrong("a %T where a record should be", v)
		}
		for i := range n.fields {
			f := &n.fields[i]
			if f.node.same() {
				continue
			}
			var err error
			if fields[f.name], err = fromNative(f.node, fields[f.name]); err != nil {
				return nil, within("."+f.name, err)
			}
		}
	case kindUnion:
		return fromUnion(n, v)
	}
	return v, nil
}

// same reports whether a value is decoded to its final form.
func (n *node) same() bool {
	switch n.kind {
	case kindNull, kindBoolean, kindLong, kindDouble, kindString, kindEnum:
		return true
	}
	return false
}

func fromUnion(n *node, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	tagged, ok := v.(map[string]any)
	if ok && len(tagged) == 1 {
		for name, value := range tagged {
			for _, b := range n.branches {
				if b.name == name {
					return fromNative(b, value)
				}
			}
		}
	}
	return nil, wrong("a %T where a branch of a union should be", v)
}

func fromBytes(n *node, v any) (any, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, wrong("a %T where bytes should be", v)
	}
	switch {
	case n.logical == "decimal":
		return decimalText(n, b)
	case n.logical == "uuid" && len(b) == 16:
		h := hex.EncodeToString(b)
		return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], nil
	}
	return bytes.Clone(b), nil // goavro gives a part of its input
}

// decimalText writes the number in two's complement with the decimals of its type.
func decimalText(n *node, b []byte) (string, error) {
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:] // fixed ones are filled up
	}
	if len(b) > n.digits { // a byte has more than two digits
		return "", wrong("a decimal of %d bytes, want at most %d digits", len(b), n.digits)
	}
	i := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		i.Sub(i, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	sign, digits := "", i.String()
	if i.Sign() < 0 {
		sign, digits = "-", digits[1:]
	}
	if len(digits) > n.digits {
		return "", wrong("a decimal of %d digits, want at most %d", len(digits), n.digits)
	}
	if n.scale <= 0 {
		return sign + digits, nil
	}
	for len(digits) <= n.scale {
		digits = "0" + digits
	}
	point := len(digits) - n.scale
	return sign + digits[:point] + "." + digits[point:], nil
}

// decimalBytes is the number in two's complement, in as few bytes as it takes, or in as many as a fixed has.
func decimalBytes(n *node, r *big.Rat) ([]byte, error) {
	scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n.scale)), nil)))
	if !scaled.IsInt() {
		return nil, wrong("a decimal with more than %d places", n.scale)
	}
	i := scaled.Num()
	if digits := len(new(big.Int).Abs(i).String()); digits > n.digits {
		return nil, wrong("a decimal of %d digits, want at most %d", digits, n.digits)
	}
	size := i.BitLen()/8 + 1
	if i.Sign() < 0 { // -128 is one byte
		size = new(big.Int).Not(i).BitLen()/8 + 1
	}
	if n.kind == kindFixed {
		if size > n.size {
			return nil, wrong("a decimal of %d bytes, want at most %d", size, n.size)
		}
		size = n.size
	}
	if i.Sign() < 0 {
		i = new(big.Int).Add(i, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	return i.FillBytes(make([]byte, size)), nil
}

// uuidBytes are the bytes of a uuid's text.
func uuidBytes(s string) ([]byte, error) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return nil, wrong("a text that is no uuid")
	}
	b, err := hex.DecodeString(s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:])
	if err != nil {
		return nil, fmt.Errorf("a text that is no uuid: %w", err)
	}
	return b, nil
}
