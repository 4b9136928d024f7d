package declarative

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr/file"

	"github.com/rivusio/rivusio/internal/document"
)

// Expression compiles one expression of a value that stands outside of a file, such as in a flag, whose name is for messages.
// Its errors name it and the place in the text.
func Expression(name, text string) (func(value any) (any, error), error) {
	p, err := build(text, document.Place{File: name}, functionOptions(), []variable{varValue})
	if f := (*file.Error)(nil); errors.As(err, &f) {
		return nil, fmt.Errorf("%s: column %d: %s", name, f.Column+1, f.Message)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return func(value any) (any, error) {
		result, err := p.run(&variables{value: value})
		if err != nil {
			return nil, p.failure(err)
		}
		return result, nil
	}, nil
}
