package conformance

import (
	"encoding/json/v2"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rivusio/rivusio/windows"
)

// Scenario is one file. See section 1 of the README.
type Scenario struct {
	Name                string     `json:"name"`
	Rules               []int      `json:"rules"`
	About               string     `json:"about"`
	Quirk               string     `json:"quirk"`
	MayShow             []int      `json:"mayShow"`
	CompareHeaders      bool       `json:"compareHeaders"`
	OnMalformed         string     `json:"onMalformed"`
	SingleStoreSelfJoin bool       `json:"singleStoreSelfJoin"`
	StoreEngine         string     `json:"storeEngine"`
	Topology            []Operator `json:"topology"`
	Steps               []Step     `json:"steps"`
	Expect              Expect     `json:"expect"`
}

// Operator is one operator of a scenario's topology. See section 4 of the README; not every field belongs to every Op.
type Operator struct {
	ID          string      `json:"id"`
	Op          string      `json:"op"`
	From        string      `json:"from"`
	Left        string      `json:"left"`
	Right       string      `json:"right"`
	Of          []CogroupOf `json:"of"`
	Topic       string      `json:"topic"`
	Topics      []string    `json:"topics"`
	TimestampFn string      `json:"timestampFn"`
	Name        string      `json:"name"`
	Store       string      `json:"store"`
	VersionedMs *int64      `json:"versionedMs"`
	RetentionMs *int64      `json:"retentionMs"`
	Predicate   string      `json:"predicate"`
	Predicates  []string    `json:"predicates"`
	Default     bool        `json:"default"`
	KeyFn       string      `json:"keyFn"`
	ValueFn     string      `json:"valueFn"`
	FlatFn      string      `json:"flatFn"`
	FkFn        string      `json:"fkFn"`
	Joiner      string      `json:"joiner"`
	Init        Value       `json:"init"`
	Add         string      `json:"add"`
	Subtract    string      `json:"subtract"`
	Merge       string      `json:"merge"`
	GraceMs     *int64      `json:"graceMs"`
	Window      *Window     `json:"window"`
	Emit        string      `json:"emit"`
	Partitions  *[]int32    `json:"partitions"`
	Until       string      `json:"until"`
	LimitMs     int64       `json:"limitMs"`
	MaxRecords  *int        `json:"maxRecords"`
	WhenFull    string      `json:"whenFull"`
}

// CogroupOf is one input of a cogroup.
type CogroupOf struct {
	From string `json:"from"`
	Add  string `json:"add"`
}

// Window is the window of an aggregation or of a join.
type Window struct {
	Type      string `json:"type"`
	SizeMs    int64  `json:"sizeMs"`
	AdvanceMs int64  `json:"advanceMs"`
	DiffMs    int64  `json:"diffMs"`
	GapMs     int64  `json:"gapMs"`
	BeforeMs  int64  `json:"beforeMs"`
	AfterMs   int64  `json:"afterMs"`
	GraceMs   int64  `json:"graceMs"`
}

// Step is an input record, or the wall clock moving on.
type Step struct {
	Topic     string      `json:"topic"`
	Key       Key         `json:"-"`
	RawKey    *string     `json:"key"`
	Value     Value       `json:"value"`
	Malformed bool        `json:"malformed"`
	Timestamp int64       `json:"ts"`
	Headers   [][2]string `json:"headers"`
	AdvanceMs *int64      `json:"advanceMs"`
}

// Expect is what must come out.
type Expect struct {
	Error   string           `json:"error"`
	AtStep  int              `json:"atStep"`
	Records []Record         `json:"records"`
	Dropped uint64           `json:"dropped"`
	Stores  map[string][]Row `json:"stores"`
}

// Record is a record that left the topology.
type Record struct {
	Step      int         `json:"step"`
	Topic     string      `json:"topic"`
	Key       AnyKey      `json:"key"`
	Value     Value       `json:"value"`
	Timestamp int64       `json:"ts"`
	Headers   [][2]string `json:"headers"`
}

// Row is a row of a store.
type Row struct {
	Key       AnyKey `json:"key"`
	Value     Value  `json:"value"`
	Timestamp int64  `json:"ts"`
}

// AnyKey is a plain or a windowed key.
type AnyKey struct {
	Base     Key
	Windowed bool
	windows.Window
}

// UnmarshalJSON reads a key of a scenario.
func (k *AnyKey) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '{' {
		return readKey(b, &k.Base)
	}
	var w struct {
		Key   *string `json:"key"`
		Start int64   `json:"start"`
		End   int64   `json:"end"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*k = AnyKey{Base: optional(w.Key), Windowed: true, Window: windows.Window{Start: w.Start, End: w.End}}
	return nil
}

func readKey(b []byte, k *Key) error {
	var s *string
	err := json.Unmarshal(b, &s)
	*k = optional(s)
	return err
}

func optional(s *string) Key {
	if s == nil {
		return Key{}
	}
	return Key{Value: *s, OK: true}
}

// base is the base key as JSON.
func (k AnyKey) base() string {
	if !k.Base.OK {
		return "null"
	}
	return asJSON(k.Base.Value)
}

// String is the key as JSON.
func (k AnyKey) String() string {
	if !k.Windowed {
		return k.base()
	}
	return fmt.Sprintf(`{"key": %s, "start": %d, "end": %d}`, k.base(), k.Start, k.End)
}

// quirky reports whether the expectation may be a defect of Kafka Streams, or what only a join with one store does.
func (s *Scenario) quirky() bool {
	return s.Quirk != "" || len(s.MayShow) > 0 || s.SingleStoreSelfJoin
}

// Load reads the scenarios of files and folders, sorted by path within each.
func Load(paths ...string) ([]*Scenario, error) {
	var scenarios []*Scenario
	for _, root := range paths {
		var files []string
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (path == root || strings.HasSuffix(path, ".json")) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("there are no scenarios (*.json) in %s", root)
		}
		slices.Sort(files)
		for _, file := range files {
			s, err := read(file)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			scenarios = append(scenarios, s)
		}
	}
	return scenarios, nil
}

func read(file string) (*Scenario, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := new(Scenario)
	if err := json.Unmarshal(b, s, json.RejectUnknownMembers(true)); err != nil {
		return nil, err
	}
	for i := range s.Steps {
		s.Steps[i].Key = optional(s.Steps[i].RawKey)
	}
	return s, nil
}
