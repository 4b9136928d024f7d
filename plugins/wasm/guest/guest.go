package guest

import "errors"

// Message is a value with its envelope.
type Message struct {
	Key, Value any
	Time       int64 // milliseconds since 1970; 0: none, in an answer that of the input
	Headers    []Header
	// Source, Partition and Offset say where the input was read. In an answer they are not looked at.
	Source    string
	Partition int32
	Offset    int64
}

// Header is one header of a message.
type Header struct {
	Key   string
	Value []byte
}

// Plugin is a pipe.
type Plugin struct {
	Name, Doc string
	// Config is the JSON Schema of the configuration. "": it takes any.
	Config string
	// Configure is called once, before the first message. Nil: the configuration must be empty.
	Configure func(config map[string]any) error
	// Process makes any number of messages of one. It may change its input and give it back.
	Process func(m Message) ([]Message, error)
}

// registered is the plugin of this module.
var registered Plugin

// Register makes p the plugin of this module. It returns true, to be called in the declaration of a variable.
func Register(p Plugin) bool {
	registered = p
	return true
}

// describe is the answer of rivusio_describe.
func (p *Plugin) describe() ([]byte, error) {
	schema := any(map[string]any{"type": "object"})
	if p.Config != "" {
		var err error
		if schema, err = Decode([]byte(p.Config)); err != nil {
			return nil, err
		}
	}
	return Append(nil, map[string]any{"name": p.Name, "doc": p.Doc, "config": schema})
}

// configure is the answer of rivusio_configure.
func (p *Plugin) configure(text []byte) ([]byte, error) {
	v, err := Decode(text)
	if err != nil {
		return nil, err
	}
	config, ok := v.(map[string]any)
	switch {
	case !ok:
		return nil, errors.New("the configuration is no map")
	case p.Configure != nil:
		return nil, p.Configure(config)
	case len(config) > 0:
		return nil, errors.New("it has no configuration")
	}
	return nil, nil
}

// process is the answer of rivusio_process, appended to dst.
func (p *Plugin) process(dst, text []byte) ([]byte, error) {
	v, err := Decode(text)
	if err != nil {
		return dst, err
	}
	in, err := message(v)
	if err != nil {
		return dst, err
	}
	out, err := p.Process(in)
	if err != nil {
		return dst, err
	}
	if len(out) == 0 {
		return dst, nil
	}
	dst = append(dst, `{"messages":[`...)
	for i, m := range out {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendMessage(dst, &m); err != nil {
			return dst, err
		}
	}
	return append(dst, "]}"...), nil
}

// failed is the answer that reports an error, appended to dst.
func failed(dst []byte, err error) []byte {
	dst = appendText(append(dst, `{"error":`...), err.Error())
	return append(dst, '}')
}
