package declarative

import (
	"fmt"
	"time"

	"github.com/rivusio/rivusio/internal/document"
)

// Case is a test of a file: what it reads, and what comes of it.
type Case struct {
	Name string `yaml:"name" required:"true" doc:"what is shown"`
	// Partitions is that of all topics.
	Partitions int    `yaml:"partitions" default:"1" min:"1" max:"64" doc:"number of partitions of the topics"`
	Start      Millis `yaml:"start" doc:"the wall clock at the start, and the timestamp of records that have none; by default the epoch"`
	Input      []Step `yaml:"input" required:"true" doc:"records, in order"`
	// Output has the records of each topic in order, those of a topic that is not there being none.
	Output map[string][]Expected `yaml:"output" doc:"records by topic, in order; a topic that is not named gets none, unless an error is wanted and there is no output"`
	Tables map[string][]Expected `yaml:"tables" doc:"rows by store, in any order"`
	Error  string                `yaml:"error" doc:"a part of the error with which the input fails"`
	Place  document.Place        `yaml:"-"`
}

// Step is a record of the input of a case, or a move of the wall clock.
type Step struct {
	Topic     string            `yaml:"topic" doc:"topic of the record, by default the only one that is read"`
	Key       any               `yaml:"key" doc:"key of the record, by default null"`
	Value     any               `yaml:"value" doc:"value of the record, by default null"`
	Timestamp *Millis           `yaml:"timestamp" doc:"in ms since the epoch, or as in RFC 3339"`
	Headers   map[string]string `yaml:"headers" doc:"headers by name"`
	Partition *int32            `yaml:"partition" min:"0" doc:"partition of the record, by default that of its key"`
	Advance   *time.Duration    `yaml:"advance" doc:"in the place of a record: moves the wall clock"`
}

// Expected is a record or row that a case wants. What is not given is not compared, but for key and value.
type Expected struct {
	Key       any               `yaml:"key" doc:"key, by default null"`
	Value     any               `yaml:"value" doc:"value, by default null"`
	Timestamp *Millis           `yaml:"timestamp" doc:"in ms since the epoch, or as in RFC 3339"`
	Headers   map[string]string `yaml:"headers" doc:"headers by name, all of them"`
	Partition *int32            `yaml:"partition" min:"0" doc:"partition of the record"`
}

// Millis is a time in ms since the epoch.
type Millis int64

// DecodeDocument implements document.Decoder.
func (m *Millis) DecodeDocument(n *document.Node) error {
	if ms, ok := n.Any().(int64); ok {
		*m = Millis(ms)
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, n.Text())
	if err != nil {
		return n.Errorf("want milliseconds since the epoch, or a time such as 2024-02-29T12:00:00Z")
	}
	*m = Millis(t.UnixMilli())
	return nil
}

// DocumentSchema implements document.Schemer.
func (Millis) DocumentSchema() map[string]any {
	return map[string]any{"type": []any{"integer", "string"}}
}

// caseNode is a case with its place.
type caseNode struct{ Case }

// DecodeDocument implements document.Decoder.
func (c *caseNode) DecodeDocument(n *document.Node) error {
	err := n.Decode(&c.Case)
	c.Place = n.Place()
	return err
}

// DocumentSchema implements document.Schemer.
func (caseNode) DocumentSchema() map[string]any { return mustSchema(caseType()) }

// caseFile is the format of a file of tests.
type caseFile struct {
	Tests []caseNode `yaml:"tests" required:"true" doc:"tests of the topology"`
}

// LoadCases reads a file of tests, which has the section tests. name is that of the file, in messages only.
func LoadCases(name string, data []byte) ([]Case, error) {
	n, err := document.Parse(name, data)
	if err != nil {
		return nil, err
	}
	f, err := document.Decode[caseFile](n)
	if err != nil {
		return nil, err
	}
	return casesOf(f.Tests)
}

func casesOf(nodes []caseNode) ([]Case, error) {
	var cases []Case
	var errs []error
	for _, n := range nodes {
		for _, c := range cases {
			if c.Name == n.Name {
				errs = append(errs, &document.Error{Place: n.Place, Err: fmt.Errorf("two tests have the name %q", n.Name)})
			}
		}
		cases = append(cases, n.Case)
	}
	return cases, document.Join(errs...)
}
