// Command go is a plugin, to be run by another program: words makes a message of each word of a text. Build it with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags "-s -w" -o words.wasm .
package main

import (
	"errors"
	"strings"

	"github.com/rivusio/rivusio/plugins/wasm/guest"
)

var _ = guest.Register(guest.Plugin{
	Name:      "words",
	Doc:       "Makes a message of each word of a text; the word is its key and its value.",
	Config:    `{"type":"object","additionalProperties":false,"properties":{"field":{"type":"string","description":"field of the value with the text; without it the value is the text"},"lower":{"type":"boolean","default":false}}}`,
	Configure: configure,
	Process:   process,
})

var (
	field string
	lower bool
)

func configure(config map[string]any) error {
	for name, v := range config {
		var ok bool
		switch name {
		case "field":
			field, ok = v.(string)
		case "lower":
			lower, ok = v.(bool)
		default:
			return errors.New("unknown key " + name)
		}
		if !ok {
			return errors.New(name + " is of the wrong type")
		}
	}
	return nil
}

func process(m guest.Message) ([]guest.Message, error) {
	v := m.Value
	if object, ok := v.(map[string]any); ok && field != "" {
		v = object[field]
	}
	text, ok := v.(string)
	if !ok {
		return nil, errors.New("there is no text")
	}
	if lower {
		text = strings.ToLower(text)
	}
	var out []guest.Message
	for _, word := range strings.Fields(text) {
		m.Key, m.Value = word, word
		out = append(out, m)
	}
	return out, nil
}

func main() {} // it is never called, but there has to be one
