package declarative

import (
	"strings"

	"github.com/rivusio/rivusio/internal/document"
)

// placeIn is the place in the file of a line (from 1) and column (from 0) of a scalar's text: in a block its lines are those
// below, in a scalar of several lines those that were folded are counted again.
func (l *loader) placeIn(n *document.Node, line, column int) document.Place {
	p := n.Place()
	if p.Line < 1 || p.Line > len(l.lines) {
		return p
	}
	first := []rune(l.lines[p.Line-1])
	if p.Column < 1 || p.Column > len(first) {
		return p
	}
	switch start := first[p.Column-1]; start {
	case '|', '>':
		return l.placeInBlock(p, start == '>', line, column)
	case '"', '\'':
		p.Column++
	}
	if width := len(first) - p.Column + 1; column > width && p.Line < len(l.lines) { // on a line that was folded into the first
		return l.folded(p, strings.TrimRight(string(first[p.Column-1:]), " "), p.Line, column)
	}
	p.Column += column
	return p
}

func (l *loader) placeInBlock(p document.Place, folds bool, line, column int) document.Place {
	at := p.Line // index of the first line below the header
	for at < len(l.lines) && strings.TrimSpace(l.lines[at]) == "" {
		at++
	}
	if at == len(l.lines) {
		return p
	}
	indent := len(l.lines[at]) - len(strings.TrimLeft(l.lines[at], " "))
	if folds {
		return l.folded(document.Place{File: p.File, Line: at + 1, Column: indent + 1}, strings.TrimSpace(l.lines[at]), at+1, column)
	}
	return document.Place{File: p.File, Line: min(p.Line+line, len(l.lines)), Column: indent + column + 1}
}

// folded finds a column of lines that were joined by spaces. text is what p's line has of them.
func (l *loader) folded(p document.Place, text string, next, column int) document.Place {
	for column > len([]rune(text)) && next < len(l.lines) {
		column -= len([]rune(text)) + 1
		text = strings.TrimSpace(l.lines[next])
		p.Line, p.Column = next+1, len(l.lines[next])-len(strings.TrimLeft(l.lines[next], " "))+1
		next++
	}
	p.Column += max(0, column)
	return p
}
