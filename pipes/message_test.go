package pipes

import (
	"reflect"
	"testing"
	"time"
)

type celsius float64

// TestMessages is G25: messages are equal by content, a nil value is one, and a type of one's own is kept.
func TestMessages(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	m := Message[string, celsius]{Key: "k", Value: 21.5, Time: at, Headers: []Header{{"a", []byte("1")}}, Origin: Origin{"in", 3, 42}}
	same := Message[string, celsius]{Key: "k", Value: 21.5, Time: at, Headers: []Header{{"a", []byte("1")}}, Origin: Origin{"in", 3, 42}}
	if !reflect.DeepEqual(m, same) {
		t.Error("equal messages differ")
	}
	if same.Value = 22; reflect.DeepEqual(m, same) {
		t.Error("different messages are equal")
	}
	none := Message[string, any]{Key: "k", Time: at, Origin: Origin{"in", 3, 43}}
	if none.Value != nil || none.ID() == m.ID() {
		t.Errorf("value %v, ids %q and %q", none.Value, none.ID(), m.ID())
	}
}

func TestMessageIDs(t *testing.T) {
	m := Message[string, int]{Origin: Origin{"orders", 3, 42}}
	if got := m.ID() + " " + m.CorrelationID(); got != "orders/3/42 " {
		t.Errorf("without headers: %q", got)
	}
	m.Headers = []Header{{MessageIDHeader, []byte("first")}, {CorrelationIDHeader, []byte("c")}, {MessageIDHeader, []byte("last")}}
	if got := m.ID() + " " + m.CorrelationID(); got != "last c" {
		t.Errorf("with headers: %q", got)
	}
	before := m.Headers
	m.SetHeader(MessageIDHeader, []byte("mine"))
	if want := []Header{{CorrelationIDHeader, []byte("c")}, {MessageIDHeader, []byte("mine")}}; !reflect.DeepEqual(m.Headers, want) {
		t.Errorf("headers %v", m.Headers)
	}
	if string(before[0].Value) != "first" {
		t.Error("SetHeader changed headers of others")
	}
}
