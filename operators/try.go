package operators

import (
	"encoding/json"
	"errors"
	"runtime/debug"
	"slices"

	"github.com/rivusio/rivusio/serde"
)

// Failure is a record that a function failed for: what an operator such as [TryMapValues] forwards in the place of a result.
type Failure struct {
	Operator string
	Task     string
	Origin   Origin // of the input record in work; Offset is -1 without one
	// Key and Value are the bytes of the input record in work, nil if they are null or there is none. They must not be changed.
	Key, Value []byte
	Err        error // never nil
}

// Error names the operator, the origin and the cause.
func (f Failure) Error() string {
	return (&Error{Operator: f.Operator, Task: f.Task, Origin: f.Origin, Key: f.Key, Err: f.Err}).Error()
}

// Unwrap returns the cause.
func (f Failure) Unwrap() error { return f.Err }

// failureJSON is a Failure as JSON; bytes are in base64, an error is its text.
type failureJSON struct {
	Operator  string `json:"operator"`
	Task      string `json:"task"`
	Topic     string `json:"topic,omitempty"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Key       []byte `json:"key"`
	Value     []byte `json:"value"`
	Error     string `json:"error"`
}

// MarshalJSON writes operator, task, topic, partition, offset, key and value in base64, and the text of the error.
func (f Failure) MarshalJSON() ([]byte, error) {
	if f.Err == nil {
		return nil, errors.New("operators: a Failure without an error")
	}
	return json.Marshal(failureJSON{f.Operator, f.Task, f.Origin.Topic, f.Origin.Partition, f.Origin.Offset, f.Key, f.Value, f.Err.Error()})
}

// UnmarshalJSON reads what MarshalJSON wrote; the error has its text and no type.
func (f *Failure) UnmarshalJSON(b []byte) error {
	var j failureJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*f = Failure{Operator: j.Operator, Task: j.Task, Origin: Origin{j.Topic, j.Partition, j.Offset}, Key: j.Key, Value: j.Value, Err: errors.New(j.Error)}
	return nil
}

// FailureSerde is JSON, see [Failure.MarshalJSON].
func FailureSerde() serde.Serde[Failure] { return serde.JSON[Failure]() }

// TryMapValues is [MapValues] for a function that may fail: what it returns an error or panics for goes to failed, with the key,
// the timestamp and the headers of the record.
func TryMapValues[K, V, V2 any](c *Context, f func(K, V) (V2, error), in Nulls[K, V], out Nulls[K, V2], next Forward[K, V2], failed Forward[K, Failure]) Forward[K, V] {
	var (
		o Record[K, V2]
		e Record[K, Failure]
	)
	return func(r *Record[K, V]) error {
		o = Record[K, V2]{Key: r.Key, Timestamp: r.Timestamp, Headers: r.Headers, NullKey: r.NullKey, NullValue: true}
		if !in.carries(r) {
			return next(&o)
		}
		var err error
		if o.Value, err = try(f, r.Key, r.Value); err == nil {
			o.NullValue = out.Value != nil && out.Value(o.Value)
			return next(&o)
		}
		e = Record[K, Failure]{Key: r.Key, Timestamp: r.Timestamp, Headers: r.Headers, NullKey: r.NullKey}
		e.Value = Failure{Operator: c.name, Task: c.scope.Task, Origin: c.scope.Origin, Err: err}
		if i := c.scope.Input; i != nil {
			e.Value.Key, e.Value.Value = slices.Clone(i.Key), slices.Clone(i.Value)
		}
		return failed(&e)
	}
}

func try[K, V, V2 any](f func(K, V) (V2, error), k K, v V) (to V2, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
			if t, ok := v.(thrown); ok {
				err = t.error
			}
		}
	}()
	return f(k, v)
}
