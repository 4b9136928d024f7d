package conformance

import (
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
	if op.TimestampFn != "" {
		return nil, unsupported("timestampFn")
	}
	return opts, nil
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
	topics := in.reads(op)
	if len(topics) > 1 {
		return nil, unsupported("stream of several topics")
	}
	return plain(in.b.Stream(topics[0], keys, values, opts...), false), nil
}

func (in *interpreter) table(op *Operator) (handle, error) {
	if op.VersionedMs != nil {
		return nil, unsupported("versioned table")
	}
	source, err := in.sourceOptions(op)
	if err != nil {
		return nil, err
	}
	var opts []topology.StoreOption
	for _, o := range source {
		opts = append(opts, o)
	}
	in.compared(op)
	return plainTable{in.b.Table(in.reads(op)[0], in.rowsOf(op), keys, values, opts...)}, nil
}

func (in *interpreter) globalTable(*Operator) (handle, error) {
	return nil, unsupported("globalTable")
}
