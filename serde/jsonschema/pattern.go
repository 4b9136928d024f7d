package jsonschema

import (
	"fmt"
	"regexp"
	"regexp/syntax"
)

// maxPatterns bounds the patterns of a schema, and the text of one by the format regex: a{1000} has a thousand parts.
const maxPatterns = 10_000

var errPatterns = fmt.Errorf("patterns of more than %d parts in all", maxPatterns)

// patterns compiles the patterns of a schema, each text once.
type patterns struct {
	left  int
	known map[string]countedRegexp
}

func (p *patterns) compile(text string, s *steps) (countedRegexp, error) {
	if re, ok := p.known[text]; ok {
		return re, nil
	}
	size, err := patternSize(text)
	if err != nil {
		return countedRegexp{}, err
	}
	if p.left -= size; p.left < 0 {
		return countedRegexp{}, errPatterns
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return countedRegexp{}, err
	}
	p.known[text] = countedRegexp{re, size, s}
	return p.known[text], nil
}

// patternSize is how many parts a pattern has once its repetitions are written out, up to a bound.
func patternSize(text string) (int, error) {
	if len(text) > maxPatterns {
		return 0, errPatterns
	}
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return 0, err
	}
	return sizeOfPattern(re), nil
}

func sizeOfPattern(re *syntax.Regexp) int {
	const runesPerPart = 16 // of a class, which are looked for by halves
	size := 1
	switch re.Op {
	case syntax.OpRepeat:
		size = 0
	case syntax.OpLiteral:
		size = len(re.Rune)
	case syntax.OpCharClass:
		size += len(re.Rune) / runesPerPart
	}
	for _, sub := range re.Sub {
		size = min(size+sizeOfPattern(sub), maxPatterns+1)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return min(size, maxPatterns+1)
}
