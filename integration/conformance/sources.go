package conformance

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/topology"
)

// reads makes the topics that a source reads known.
func (in *interpreter) reads(op *Operator) []string {
	topics := op.Topics
	if len(topics) == 0 {
		topics = []string{op.Topic}
	}
	for _, topic := range topics {
		in.program.topics[topic] = max(1, in.program.topics[topic])
	}
	return topics
}

func (in *interpreter) sourceOptions(op *Operator) (opts []topology.SourceOption, err error) {
	if in.scenario.OnMalformed == "skip" {
		opts = append(opts, topology.SkipUndecodable())
	}
	switch op.TimestampFn {
	case "":
	case "after-at":
		opts = append(opts, topology.Timestamp(afterAt))
	default:
		return nil, fmt.Errorf("unknown timestamp function %q", op.TimestampFn)
	}
	return opts, nil
}

// afterAt is the timestamp function after-at of the README.
func afterAt(_ Key, v Value, r operators.RecordContext, _ int64) int64 {
	text := v.Text()
	n, err := strconv.ParseInt(text[strings.LastIndexByte(text, '@')+1:], 10, 64)
	if err != nil || !strings.Contains(text, "@") {
		return r.Timestamp
	}
	return n
}

func (in *interpreter) stream(op *Operator) (handle, error) {
	source, err := in.sourceOptions(op)
	if err != nil {
		return nil, err
	}
	var opts []topology.NodeOption
	for _, o := range source {
		opts = append(opts, o)
	}
	return plain(in.b.StreamOf(topology.Topics(in.reads(op)...), keys, values, opts...), false), nil
}

func (in *interpreter) table(op *Operator) (handle, error) {
	source, err := in.sourceOptions(op)
	if err != nil {
		return nil, err
	}
	opts := versioned(op)
	for _, o := range source {
		opts = append(opts, o)
	}
	in.compared(op)
	return plainTable{in.b.Table(in.reads(op)[0], in.rowsOf(op), keys, values, opts...)}, nil
}

// global is a global table.
type global struct {
	t topology.GlobalTable[Key, Value]
}

func (global) operator(*interpreter, *Operator) (handle, error) { return nil, errNoOperator }

func (in *interpreter) globalTable(op *Operator) (handle, error) {
	var opts []topology.StoreOption
	if in.scenario.OnMalformed == "skip" {
		opts = append(opts, topology.SkipUndecodable())
	}
	in.compared(op)
	return global{in.b.GlobalTable(in.reads(op)[0], op.Store, keys, values, opts...)}, nil
}
