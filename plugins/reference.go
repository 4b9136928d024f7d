package plugins

import (
	"fmt"
	"strings"
)

// Reference is a table of the plugins of each kind with their keys, in Markdown.
func (r *Registry) Reference() string {
	var b strings.Builder
	var kind Kind
	for _, d := range r.List() {
		if d.Kind != kind {
			kind = d.Kind
			fmt.Fprintf(&b, "\n### %ss\n", strings.ToUpper(string(kind[:1]))+string(kind[1:]))
		}
		d.reference(&b)
	}
	return strings.TrimPrefix(b.String(), "\n")
}

func (d *Description) reference(b *strings.Builder) {
	fmt.Fprintf(b, "\n**`%s`** %s\n", d.Name, d.Doc)
	if len(d.Keys) == 0 {
		return
	}
	b.WriteString("\n| key | type | default | what it is |\n| --- | --- | --- | --- |\n")
	for _, k := range d.Keys {
		value := "–"
		switch {
		case k.Required:
			value = "required"
		case k.Default != "":
			value = "`" + cell(k.Default) + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", k.Path, cell(k.Type), value, cell(k.Doc))
	}
}

// cell is a text in a table.
func cell(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "|", `\|`), "\n", " ") }
