package avro

import (
	"fmt"
	"sync"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/avro"

	"github.com/rivusio/rivusio/serde/registry"
)

// Dynamic is the format of values without a type of their own, by a schema in Avro's JSON, in the forms of serde.JSONAny where
// Avro has the same:
//
//	null       nil                  bytes, fixed  []byte
//	boolean    bool                 enum          string
//	int, long  int64                array         []any
//	float, double  float64          map, record   map[string]any
//	string     string               union         its value, without a name around it
//
// Logical types are what they are written as: dates are int64 days since 1970, times and timestamps int64 in the unit of their
// name. But a decimal is a string such as "-12.50", and a uuid its text. A big-decimal and a duration are []byte.
//
// Encoding also takes a time.Time for timestamps and dates, whole float64 numbers for int and long, integers for floats, a string
// for bytes, int64 and float64 for decimals. A field that is left out has its default, or null if it may be null; a field that the
// schema has not is an error. Of the branches of a union, the first that is nearest to the value is taken.
//
// Decoding refuses arrays and maps of which one block has more than 100,000 items, and encoding such maps. These are the package
// variables MaxBlockCount and MaxBlockSize (16 MiB) of goavro, which the first call sets for the whole process.
func Dynamic(schemaText string, opts ...Option) (*Format[any], error) {
	o, err := optionsOf(opts)
	if err != nil {
		return nil, err
	}
	own, err := parse(registry.Schema{Type: registry.Avro, Text: schemaText, References: o.references}, true)
	if err != nil {
		return nil, err
	}
	c := &dynamic{own: own, maxBytes: o.maxBytes}
	if c.codec, err = newCodec(own); err != nil {
		return nil, err
	}
	return newFormat(own, c)
}

const maxBlockItems = 100_000

// boundBlocks sets the limits of goavro, without which six bytes take all memory. Nothing else in the process may have set them
// lower on purpose, as they are there for nothing else.
var boundBlocks = sync.OnceFunc(func() {
	goavro.MaxBlockCount = maxBlockItems
	goavro.MaxBlockSize = 16 << 20
})

// newCodec makes a codec of what a schema is written as, which has neither logical types nor defaults.
func newCodec(s *schema) (*goavro.Codec, error) {
	boundBlocks()
	c, err := goavro.NewCodec(string(s.avro.Canonical()))
	if err != nil {
		return nil, fmt.Errorf("avro: schema: %w", detail{err})
	}
	return c, nil
}

// dynamic is a codec of values without a type of their own.
type dynamic struct {
	own      *schema
	codec    *goavro.Codec
	maxBytes int
}

func (c *dynamic) append(dst []byte, v any) ([]byte, error) {
	native, err := toNative(c.own.root, v, 0)
	if err != nil {
		return dst, err
	}
	b, err := c.codec.BinaryFromNative(dst, native)
	if err != nil {
		return dst, err
	}
	if c.own.shape.maps {
		if err := sortMaps(b[len(dst):], c.own.root); err != nil {
			return dst, err
		}
	}
	return b, nil
}

func (c *dynamic) reader(writer *schema) (func([]byte) (any, error), error) {
	resolved, err := avro.Resolve(writer.avro, c.own.avro)
	if err != nil {
		return nil, described(err)
	}
	decode := func(b []byte) (any, []byte, error) { return c.codec.NativeFromBinary(b) }
	each := dynamicCost
	if string(writer.avro.Canonical()) != string(c.own.avro.Canonical()) { // goavro knows one schema at a time
		each.item += c.own.shape.defaults
		decode = func(b []byte) (v any, rest []byte, err error) {
			rest, err = resolved.Decode(b, &v, avro.TaggedUnions())
			return v, rest, err
		}
	}
	return func(b []byte) (any, error) {
		// goavro knows no bounds of depth, and takes an int of 64 bits for one of 32.
		if err := check(b, writer.root, each, c.maxBytes); err != nil {
			return nil, err
		}
		native, rest, err := decode(b)
		switch {
		case err != nil:
			return nil, described(err)
		case len(rest) != 0:
			return nil, trailing(len(rest))
		}
		return fromNative(c.own.root, native)
	}, nil
}
