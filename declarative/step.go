package declarative

import (
	"reflect"
	"slices"
	"time"

	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/topology"
)

// step is one operator of a stream or table: a map with the operator as a key, and perhaps a name.
type step struct {
	node    *document.Node // the operator's key, for its place
	kind    *stepKind
	name    string
	onError errorPolicy
	policy  *topology.ErrorPolicy // that of onError, if it is given
	taken   bool                  // name and policy, by the operator
	args    any                   // pointer to what the kind decodes
}

// stepKind is an operator that a step can be.
type stepKind struct {
	name   string
	doc    string
	args   reflect.Type
	decode func(*document.Node) (any, error)
	apply  func(l *loader, in handle, s *step) handle
}

// stepOf is an operator whose arguments are an A.
func stepOf[A any](name, doc string, apply func(l *loader, in handle, s *step, args *A) handle) stepKind {
	return stepKind{
		name: name, doc: doc, args: reflect.TypeFor[A](),
		decode: func(n *document.Node) (any, error) {
			var a A
			if err := n.Decode(&a); err != nil {
				return nil, err
			}
			return &a, nil
		},
		apply: func(l *loader, in handle, s *step) handle { return apply(l, in, s, s.args.(*A)) },
	}
}

const (
	nameKey    = "name"
	onErrorKey = "on_error"
)

// options are the name and the policy of a step, for an operator.
func (s *step) options() (options []topology.NodeOption) {
	s.taken = true
	if s.name != "" {
		options = append(options, topology.Named(s.name))
	}
	if s.policy != nil {
		options = append(options, topology.OnError(*s.policy))
	}
	return options
}

// storeOptions adds them to those of a store.
func (s *step) storeOptions(options []topology.StoreOption) []topology.StoreOption {
	s.taken = true
	if s.name != "" {
		options = append(options, topology.Named(s.name))
	}
	if s.policy != nil {
		options = append(options, topology.OnError(*s.policy))
	}
	return options
}

// processOptions are the same for a step that is a processor.
func (s *step) processOptions() (options []topology.ProcessOption) {
	s.taken = true
	if s.name != "" {
		options = append(options, topology.Named(s.name))
	}
	if s.policy != nil {
		options = append(options, topology.OnError(*s.policy))
	}
	return options
}

// DecodeDocument implements document.Decoder.
func (s *step) DecodeDocument(n *document.Node) error {
	kinds := stepKinds()
	known := []string{nameKey, onErrorKey}
	for _, k := range kinds {
		known = append(known, k.name)
	}
	if err := n.OnlyKeys(known...); err != nil {
		return err
	}
	var value *document.Node
	for key, v := range n.Entries() {
		switch key.Text() {
		case nameKey:
			s.name = v.Text()
			continue
		case onErrorKey:
			if err := s.onError.DecodeDocument(v); err != nil {
				return err
			}
			continue
		}
		if s.kind != nil {
			return key.Errorf("%s is a second operator in one step, after %s: begin a new item with -", key.Text(), s.kind.name)
		}
		i := slices.IndexFunc(kinds, func(k stepKind) bool { return k.name == key.Text() })
		s.node, s.kind, value = key, &kinds[i], v
	}
	if s.kind == nil {
		return n.Errorf("the step has no operator")
	}
	args, err := s.kind.decode(value)
	s.args = args
	return err
}

// DocumentSchema implements document.Schemer.
func (step) DocumentSchema() map[string]any { return map[string]any{"$ref": "#/$defs/step"} }

// stepSchema is the schema of a step, which a schema has once.
func stepSchema() map[string]any {
	onError := errorPolicy{}.DocumentSchema()
	onError["description"] = "what becomes of records that the operator fails for"
	properties := map[string]any{nameKey: map[string]any{"type": "string", "description": "name of the operator"}, onErrorKey: onError}
	var one []any
	for _, k := range stepKinds() {
		schema := mustSchema(k.args)
		schema["description"] = k.doc
		if schema["type"] == "object" && schema["required"] == nil { // nothing has to be said
			schema["type"] = []any{"object", "null"}
		}
		properties[k.name] = schema
		one = append(one, map[string]any{"required": []any{k.name}})
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false, "oneOf": one}
}

// The arguments of the steps.
type (
	none struct{}

	mapArgs struct {
		Key   expression `yaml:"key" required:"true" doc:"expression of the new key"`
		Value expression `yaml:"value" required:"true" doc:"expression of the new value"`
	}

	flatMapArgs struct {
		Each  expression  `yaml:"each" required:"true" doc:"expression of a list"`
		Key   *expression `yaml:"key" doc:"expression of the key of the record of an item, by default the key of the record"`
		Value *expression `yaml:"value" doc:"expression of the value of the record of an item, by default the item"`
	}

	branchArgs struct {
		Name string      `yaml:"name" required:"true" doc:"name of the branch: others go on from STREAM.NAME"`
		If   *expression `yaml:"if" doc:"condition; the last branch may have none and gets what no other took"`
	}

	serdesArgs struct {
		Key   serdeName `yaml:"key" doc:"serde of keys"`
		Value serdeName `yaml:"value" doc:"serde of values"`
	}

	repartitionArgs struct {
		Name       string `yaml:"name" required:"true" doc:"the topic is APPLICATION-NAME-repartition"`
		Partitions int    `yaml:"partitions" min:"0" doc:"number of partitions, by default that of the largest topic upstream"`
	}

	headersArgs struct {
		Set    named[expression] `yaml:"set" doc:"headers by name, each an expression of a text"`
		Remove []string          `yaml:"remove" doc:"names of headers that are taken away"`
	}

	toArgs struct {
		Topic      string      `yaml:"topic" doc:"topic that is written"`
		Choose     *expression `yaml:"choose" doc:"expression of the name of the topic of each record"`
		MessageIDs bool        `yaml:"message_ids" doc:"write the id of each record as its header message-id"`
		Partition  *expression `yaml:"partition" doc:"expression of the partition of each record, of partitions; by default that of its key"`
	}

	storeArgs struct {
		Store   string       `yaml:"store" required:"true" doc:"name of the store"`
		Options storeOptions `yaml:",inline"`
	}

	reduceArgs struct {
		Store    string       `yaml:"store" required:"true" doc:"name of the store"`
		Add      expression   `yaml:"add" required:"true" doc:"expression of the new aggregate: key, value, aggregate"`
		Subtract *expression  `yaml:"subtract" doc:"of a grouped table: expression of the aggregate without a row"`
		Options  storeOptions `yaml:",inline"`
	}

	aggregateArgs struct {
		Store    string       `yaml:"store" required:"true" doc:"name of the store"`
		Initial  expression   `yaml:"initial" required:"true" doc:"expression of an empty aggregate"`
		Add      *expression  `yaml:"add" doc:"expression of the new aggregate: key, value, aggregate"`
		Subtract *expression  `yaml:"subtract" doc:"of a grouped table: expression of the aggregate without a row"`
		Merge    *expression  `yaml:"merge" doc:"of sessions: expression of the aggregate of two that become one: key, left, right"`
		Combine  *expression  `yaml:"combine" doc:"of hopping windows that emit on close: expression of the aggregate of two panes: left, right"`
		Options  storeOptions `yaml:",inline"`
	}

	windowArgs struct {
		Tumbling      *time.Duration `yaml:"tumbling" doc:"windows of this size, one behind the other"`
		Hopping       *time.Duration `yaml:"hopping" doc:"windows of this size, one every advance"`
		Advance       *time.Duration `yaml:"advance" doc:"distance of the starts of hopping windows"`
		Sliding       *time.Duration `yaml:"sliding" doc:"windows of records that are at most so far apart"`
		Session       *time.Duration `yaml:"session" doc:"sessions that end when no record comes for that long"`
		Unlimited     bool           `yaml:"unlimited" doc:"one window without an end"`
		Start         string         `yaml:"start" doc:"start of the unlimited window, as in RFC 3339"`
		TumblingCount int            `yaml:"tumbling_count" min:"1" doc:"windows of so many records of a key, one behind the other"`
		HoppingCount  int            `yaml:"hopping_count" min:"1" doc:"windows of so many records of a key, one every advance_count"`
		AdvanceCount  int            `yaml:"advance_count" min:"1" doc:"distance of the starts of hopping_count windows, in records"`
		Grace         time.Duration  `yaml:"grace" doc:"how long after its end, in event time, a window takes records"`
		Emit          string         `yaml:"emit" enum:"on_update,on_close" default:"on_update" doc:"on_close forwards one final result of each window"`
	}

	suppressArgs struct {
		Store      string         `yaml:"store" required:"true" doc:"name of the store of what is held back"`
		Until      string         `yaml:"until" enum:"window_closes" doc:"hold the rows of windows back until they close"`
		For        *time.Duration `yaml:"for" doc:"hold updates back until event time is so much later"`
		MaxRecords *int64         `yaml:"max_records" min:"0" doc:"limit of the keys that each task holds back"`
		MaxBytes   *int64         `yaml:"max_bytes" unit:"bytes" min:"0" doc:"limit of the bytes that each task holds back"`
		EmitEarly  bool           `yaml:"emit_early" doc:"emit early in the place of failing when a limit is reached"`
		InMemory   bool           `yaml:"in_memory" doc:"keep the store in memory"`
		Changelog  bool           `yaml:"changelog" default:"true" doc:"write the store to a changelog topic"`
	}

	joinArgs struct {
		Stream      reference      `yaml:"stream" doc:"stream that is joined with, by key within a window"`
		Table       reference      `yaml:"table" doc:"table that is joined with"`
		GlobalTable reference      `yaml:"global_table" doc:"global table that is joined with"`
		Value       expression     `yaml:"value" required:"true" doc:"expression of the result: key, left, right"`
		Within      *time.Duration `yaml:"within" doc:"of streams: how far apart the timestamps may be, either way"`
		Before      *time.Duration `yaml:"before" doc:"of streams: how much earlier the right record may be, by default within"`
		After       *time.Duration `yaml:"after" doc:"of streams: how much later the right record may be, by default within"`
		Grace       *time.Duration `yaml:"grace" doc:"of streams: how late a record may be; of a versioned table: how long records wait"`
		Store       string         `yaml:"store" doc:"of streams: the stores are STORE-left and STORE-right; with a versioned table and grace: of the records that wait; of tables: of the rows of the result"`
		Key         *expression    `yaml:"key" doc:"with a global table: expression of its key"`
		ForeignKey  *expression    `yaml:"foreign_key" doc:"of tables: expression of the key of the other table"`
		Options     storeOptions   `yaml:",inline"`
	}
)

// DecodeDocument implements document.Decoder: a topic alone is its name.
func (a *toArgs) DecodeDocument(n *document.Node) error {
	if n.Kind() == document.Scalar {
		if a.Topic = n.Text(); n.IsNull() {
			return n.Errorf("want the name of a topic")
		}
		return nil
	}
	type fields toArgs
	if err := n.Decode((*fields)(a)); err != nil {
		return err
	}
	if (a.Topic == "") == (a.Choose == nil) {
		return n.Errorf("want one of topic and choose")
	}
	return nil
}

// DocumentSchema implements document.Schemer.
func (toArgs) DocumentSchema() map[string]any {
	type fields toArgs
	return map[string]any{"oneOf": []any{map[string]any{"type": "string"}, mustSchema(reflect.TypeFor[fields]())}}
}

// DecodeDocument implements document.Decoder: the step has no arguments.
func (*none) DecodeDocument(n *document.Node) error {
	if n.IsNull() || n.Kind() == document.Map && n.Len() == 0 || n.Any() == true {
		return nil
	}
	return n.Errorf("want nothing, or true")
}

// DocumentSchema implements document.Schemer.
func (none) DocumentSchema() map[string]any {
	return map[string]any{"enum": []any{nil, true, map[string]any{}}}
}

// stepKinds are all operators, in the order of the documentation.
func stepKinds() []stepKind {
	return []stepKind{
		stepOf("filter", "keep the records for which a condition is true", applyFilter),
		stepOf("filter_not", "drop the records for which a condition is true", applyFilterNot),
		stepOf("map", "replace key and value", applyMap),
		stepOf("map_values", "replace the value", applyMapValues),
		stepOf("try_map_values", "replace the value where that works: others go on from STREAM.values, and from STREAM.failures, which has what was wrong", applyTryMapValues),
		stepOf("flat_map", "make a record of each item of a list, with a key of its own", applyFlatMap),
		stepOf("flat_map_values", "make a record of each item of a list", applyFlatMapValues),
		stepOf("select_key", "replace the key", applySelectKey),
		stepOf("headers", "set and remove headers", applyHeaders),
		stepOf("log", "write a text to the log for each record", applyLog),
		stepOf("through", "send the records through a pipe, which is a plugin", applyThrough),
		stepOf("batch", "gather the values of each key", applyBatch),
		stepOf("branch", "split the stream: each record goes to the first branch whose condition is true", applyBranch),
		stepOf("serdes", "change the serdes of what comes behind", applySerdes),
		stepOf("repartition", "send the records through a topic, by their keys", applyRepartition),
		stepOf("mark_as_partitioned", "say that the keys still lie on their partitions", applyMarkAsPartitioned),
		stepOf("join", "join with a stream, table or global table", applyInnerJoin),
		stepOf("left_join", "join, with a result also where the right side has none", applyLeftJoin),
		stepOf("outer_join", "join, with a result also where either side has none", applyOuterJoin),
		stepOf("group_by_key", "group by the key", applyGroupByKey),
		stepOf("group_by", "group by a new key; of a table, key and value", applyGroupBy),
		stepOf("window", "group by windows too", applyWindow),
		stepOf("count", "count the records of each group", applyCount),
		stepOf("reduce", "combine the values of each group", applyReduce),
		stepOf("aggregate", "combine the records of each group into an aggregate", applyAggregate),
		stepOf("suppress", "hold updates of a table back", applySuppress),
		stepOf("to_table", "read the stream as a table", applyToTable),
		stepOf("to_stream", "read the changes of the table as a stream", applyToStream),
		stepOf("to", "write the records to a topic; the stream goes on", applyTo),
	}
}
