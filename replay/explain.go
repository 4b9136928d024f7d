package replay

import (
	"bytes"
	"context"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"slices"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
)

// InputRecord is a record of the slice, for people.
type InputRecord struct {
	Place
	Timestamp int64          `json:"timestamp"` // ms since the epoch, as it is on the topic
	Key       jsontext.Value `json:"key"`
	Value     jsontext.Value `json:"value"`
}

// explainLimit is how many input records of a difference are kept.
const explainLimit = 10

// Explanation is the input records that led to a difference.
type Explanation struct {
	// Records are the last of them, in the order in which they ran; the very last is the one at which the difference shows.
	Records []InputRecord `json:"records"`
	Total   int           `json:"total"`
}

// Explain runs a slice again, up to the record at which a difference shows, and finds the input records that led to it: that one,
// and those of the same key. These are the records that have the key themselves, and those of which an operator made a record with
// it, for an internal topic or another one; for a windowed key they must lie in the window. The configuration's Results are not
// called.
func Explain(ctx context.Context, cfg Config, d *Difference) (*Explanation, error) {
	e := explainer{target: baseOf(d.Key), cause: d.Cause(), views: viewsOf(cfg.Topology), leading: leading(cfg.Topology.Graph(), d.Topic)}
	e.key, e.start, e.end, e.windowed = windowOf(d.Key)
	cfg.Results, cfg.Progress = nil, nil
	cfg.input, cfg.watch = e.input, e.watch
	cfg.until = operators.Origin(e.cause)
	if _, err := Run(ctx, cfg); err != nil {
		return nil, err
	}
	e.settle()
	return &e.Explanation, nil
}

type explainer struct {
	Explanation
	target     jsontext.Value // the key of the difference, without its window
	key        jsontext.Value
	start, end int64
	windowed   bool
	cause      Place
	views      map[string]views
	leading    map[string]bool // topics from which results of the topic come
	current    InputRecord
	matched    bool // the current record led to the difference
	any        bool // there is a current record
}

// leading are the topics whose records can lead to results of a topic, and that topic.
func leading(g *graph.Topology, topic string) map[string]bool {
	found := make(map[string]bool)
	var add func(topic string)
	var climb func(n *graph.Node)
	add = func(topic string) {
		if found[topic] {
			return
		}
		found[topic] = true
		for _, n := range g.Nodes {
			if n.Sink != nil && (n.Sink.Topic == topic || n.Sink.Topic == "") {
				climb(n)
			}
		}
	}
	climb = func(n *graph.Node) {
		if n.Source != nil {
			for _, topic := range n.Source.Topics {
				add(topic)
			}
		}
		for _, p := range n.Parents {
			climb(p)
		}
	}
	add(topic)
	return found
}

// windowed key as serdes show it.
type keyInWindow struct {
	Key    jsontext.Value `json:"key"`
	Window *struct {
		Start int64 `json:"start"`
		End   int64 `json:"end"`
	} `json:"window"`
}

// windowOf takes a windowed key apart.
func windowOf(key jsontext.Value) (base jsontext.Value, start, end int64, ok bool) {
	var k keyInWindow
	if key.Kind() != '{' || json.Unmarshal(key, &k, json.RejectUnknownMembers(true)) != nil || k.Window == nil || k.Key == nil {
		return key, 0, 0, false
	}
	return k.Key, k.Window.Start, k.Window.End, true
}

func baseOf(key jsontext.Value) jsontext.Value {
	base, _, _, _ := windowOf(key)
	return base
}

// input is the next record of the slice.
func (e *explainer) input(topic string, partition int32, in *operators.Input) {
	e.settle()
	view := serde.ViewOf[[]byte](nil)
	e.current = InputRecord{Place: Place{topic, partition, in.Offset}, Timestamp: in.Timestamp, Key: shown(nil, view, in.Key), Value: shownValue(in.Value)}
	e.any = true
	e.matched = e.current.Place == e.cause || e.leading[topic] && bytes.Equal(e.current.Key, e.target) && e.within(in.Timestamp)
}

// shownValue shows a value whose serde is not known: as JSON if it is.
func shownValue(b []byte) jsontext.Value {
	if v := jsontext.Value(slices.Clone(b)); b != nil && v.Compact() == nil {
		return v
	}
	return shown(nil, serde.ViewOf[[]byte](nil), b)
}

func (e *explainer) within(timestamp int64) bool {
	return !e.windowed || e.start <= timestamp && timestamp < e.end
}

// watch is a record that an operator writes.
func (e *explainer) watch(o *operators.Output, cause operators.Origin) {
	v, ok := e.views[o.Topic]
	if !ok || e.matched || !e.leading[o.Topic] || Place(cause) != e.current.Place {
		return
	}
	base, start, end, windowed := windowOf(shown(nil, v.key, o.Key))
	if !bytes.Equal(base, e.target) {
		return
	}
	if windowed {
		e.matched = !e.windowed || start == e.start && end == e.end
		return
	}
	e.matched = e.within(o.Timestamp)
}

// settle keeps the record that was in work if it led to the difference.
func (e *explainer) settle() {
	if !e.any || !e.matched {
		return
	}
	e.Total++
	if len(e.Records) == explainLimit {
		e.Records = slices.Delete(e.Records, 0, 1)
	}
	e.Records = append(e.Records, e.current)
	e.matched = false
}
