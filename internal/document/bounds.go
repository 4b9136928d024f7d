package document

import (
	"fmt"
	"reflect"
	"strings"
)

// outside says how a value breaks the bounds of its field, "" if it does not. Without a lower bound durations and sizes are
// not negative.
func (f *field) outside(v reflect.Value) string {
	var below, above bool
	shown := fmt.Sprint(v.Interface())
	low := f.min
	switch f.shape.form {
	case formFloat:
		below = f.min != nil && v.Float() < f.min.float
		above = f.max != nil && v.Float() > f.max.float
	case formInt, formBytes, formDuration, formList:
		if low == nil && (f.shape.form == formBytes || f.shape.form == formDuration) {
			low = &bound{text: "0"}
		}
		n := length(f.shape, v)
		if f.shape.form == formBytes {
			shown = formatBytes(n)
		}
		if f.shape.form == formList {
			shown = fmt.Sprintf("the number of items, %d,", n)
		}
		below = low != nil && n < low.whole
		above = f.max != nil && n > f.max.whole
	}
	switch {
	case below:
		return fmt.Sprintf("%s is less than %s", shown, low.text)
	case above:
		return fmt.Sprintf("%s is more than %s", shown, f.max.text)
	}
	return ""
}

// length is what the bounds of a whole number, or of a list, are about.
func length(s *shape, v reflect.Value) int64 {
	switch {
	case s.form == formList:
		return int64(v.Len())
	case v.CanUint():
		return int64(min(v.Uint(), 1<<63-1))
	}
	return v.Int()
}

// listed is "a, b or c".
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
