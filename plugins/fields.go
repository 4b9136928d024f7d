package plugins

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/rivusio/rivusio/pipes"
)

// MapFieldsConfig configures the pipe map-fields.
type MapFieldsConfig struct {
	Fields []FieldChange `yaml:"fields" doc:"changes, in the order in which they are made"`
	Keep   []Field       `yaml:"keep" doc:"parts of the value that are kept, after the changes; without it all are"`
}

// FieldChange is one change of a value: exactly one of copy, rename, set and drop.
type FieldChange struct {
	Copy   *Field `yaml:"copy" doc:"part of the message to copy to the part 'to'; nothing happens if it is missing"`
	Rename *Field `yaml:"rename" doc:"part of the value to move to the part 'to'; nothing happens if it is missing"`
	Set    *Field `yaml:"set" doc:"part of the value to set to 'value'"`
	Drop   *Field `yaml:"drop" doc:"part of the value to take out"`
	To     *Field `yaml:"to" doc:"part of the value that copy and rename write"`
	Value  any    `yaml:"value" doc:"what set writes; null without it"`
}

// Validate checks which keys stand together.
func (c FieldChange) Validate() error {
	var errs []error
	wrong := func(key, format string, args ...any) {
		errs = append(errs, &KeyError{Key: key, Err: fmt.Errorf(format, args...)})
	}
	changes := 0
	for key, f := range map[string]*Field{"copy": c.Copy, "rename": c.Rename, "set": c.Set, "drop": c.Drop, "to": c.To} {
		if f == nil {
			continue
		}
		if key != "to" {
			changes++
		}
		if key != "copy" && (!f.inValue() || len(f.parts) == 0) {
			wrong(key, "%v is no part of the value", f)
		}
	}
	if changes != 1 {
		errs = append(errs, errors.New("want one of copy, rename, set and drop"))
	}
	if moves := c.Copy != nil || c.Rename != nil; moves && c.To == nil {
		errs = append(errs, errors.New("copy and rename want the key to"))
	} else if !moves && c.To != nil {
		wrong("to", "only copy and rename have it")
	}
	if c.Set == nil && c.Value != nil {
		wrong("value", "only set has it")
	}
	return errors.Join(errs...)
}

func newMapFields(c MapFieldsConfig) (Pipe, error) {
	for _, f := range c.Keep {
		if !f.inValue() || len(f.parts) == 0 {
			return nil, &KeyError{Key: "keep", Err: fmt.Errorf("%v is no part of the value", f)}
		}
	}
	if len(c.Fields) == 0 && len(c.Keep) == 0 {
		return nil, errors.New("want fields or keep: it would change nothing")
	}
	return pipes.Func[Message, []Message](func(_ context.Context, m Message) ([]Message, error) {
		for i := range c.Fields {
			if err := c.Fields[i].apply(&m); err != nil {
				return nil, err
			}
		}
		if len(c.Keep) == 0 {
			return []Message{m}, nil
		}
		var kept any = map[string]any{}
		for _, f := range c.Keep {
			if v, ok := f.Get(&m); ok {
				var err error
				if kept, err = with(kept, f.parts, v); err != nil {
					return nil, err
				}
			}
		}
		m.Value = kept
		return []Message{m}, nil
	}), nil
}

// apply makes the change on a copy of what it changes.
func (c *FieldChange) apply(m *Message) (err error) {
	switch {
	case c.Drop != nil:
		m.Value = without(m.Value, c.Drop.parts)
		return nil
	case c.Set != nil:
		m.Value, err = with(m.Value, c.Set.parts, c.Value)
		return err
	}
	from := c.Copy
	if from == nil {
		from = c.Rename
	}
	v, ok := from.Get(m)
	if !ok {
		return nil
	}
	if c.Rename != nil {
		m.Value = without(m.Value, from.parts)
	}
	m.Value, err = with(m.Value, c.To.parts, v)
	return err
}

// FlattenConfig configures the pipe flatten.
type FlattenConfig struct {
	Separator string `yaml:"separator" default:"." doc:"what stands between the names"`
	Lists     bool   `yaml:"lists" default:"false" doc:"whether items of lists become fields too, with their numbers from 0 as names"`
}

func newFlatten(c FlattenConfig) (Pipe, error) {
	return pipes.Func[Message, []Message](func(_ context.Context, m Message) ([]Message, error) {
		if _, ok := m.Value.(map[string]any); !ok {
			return nil, fmt.Errorf("flatten wants a map, have a %s", kindOf(m.Value))
		}
		flat := map[string]any{}
		if err := c.flatten(flat, "", m.Value); err != nil {
			return nil, err
		}
		m.Value = flat
		return []Message{m}, nil
	}), nil
}

// flatten adds a value below a name. An empty map or list stays as it is: it would be lost.
func (c *FlattenConfig) flatten(flat map[string]any, name string, v any) error {
	below := func(part string) string {
		if name == "" {
			return part
		}
		return name + c.Separator + part
	}
	switch v := v.(type) {
	case map[string]any:
		for part, inner := range v {
			if err := c.flatten(flat, below(part), inner); err != nil {
				return err
			}
		}
		if len(v) > 0 || name == "" {
			return nil
		}
	case []any:
		if c.Lists && len(v) > 0 {
			for i, inner := range v {
				if err := c.flatten(flat, below(strconv.Itoa(i)), inner); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if _, twice := flat[name]; twice {
		return fmt.Errorf("two fields become %q", name)
	}
	flat[name] = v
	return nil
}

// SplitConfig configures the pipe split.
type SplitConfig struct {
	Field  Field  `yaml:"field" default:"$value" doc:"the list"`
	Into   *Field `yaml:"into" doc:"where an item goes in the value of its message, beside the other parts of the value; without it the item is the value"`
	Number *Field `yaml:"number" doc:"where the item's number, from 0, goes in the value of its message"`
}

func newSplit(c SplitConfig) (Pipe, error) {
	for key, f := range map[string]*Field{"into": c.Into, "number": c.Number} {
		if f != nil && (!f.inValue() || len(f.parts) == 0) {
			return nil, &KeyError{Key: key, Err: fmt.Errorf("%v is no part of the value", f)}
		}
	}
	return pipes.Func[Message, []Message](func(_ context.Context, m Message) ([]Message, error) {
		v, ok := c.Field.Get(&m)
		list, is := v.([]any)
		switch {
		case !ok || v == nil:
			return nil, nil
		case !is:
			return nil, fmt.Errorf("%v: want a list, have a %s", c.Field, kindOf(v))
		}
		out := make([]Message, len(list))
		for i, item := range list {
			var err error
			if out[i], err = c.item(m, i, item); err != nil {
				return nil, err
			}
		}
		return out, nil
	}), nil
}

// item is the message of one item. The first keeps the id of the whole; that of the others has the item's number behind it.
func (c *SplitConfig) item(m Message, i int, item any) (Message, error) {
	if i > 0 {
		m.SetHeader(pipes.MessageIDHeader, []byte(m.ID()+"/"+strconv.Itoa(i)))
	}
	var err error
	if c.Into == nil {
		m.Value = item
	} else {
		if c.Field.inValue() && len(c.Field.parts) > 0 {
			m.Value = without(m.Value, c.Field.parts)
		} else {
			m.Value = nil
		}
		if m.Value, err = with(m.Value, c.Into.parts, item); err != nil {
			return m, err
		}
	}
	if c.Number != nil {
		m.Value, err = with(m.Value, c.Number.parts, int64(i))
	}
	return m, err
}
