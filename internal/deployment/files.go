package deployment

import (
	"embed"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"
)

//go:embed templates
var templates embed.FS

// Options are what differs between deployments. The zero value is the word count of the examples.
type Options struct {
	Name     string // of the application and of what is made in Kubernetes. Default "word-count".
	Image    string // of the processor. Default "rivusio/processor:latest".
	Brokers  string // HOST:PORT, several with commas; Kubernetes only. Default "kafka:9092".
	Replicas int    // pods in Kubernetes. Default 2.
	File     string // path of the topology's file, seen from the compose file. Default that of the example.
	Topology string // text of the topology's file; Kubernetes only. Required there.
	Input    string // topic that the demo profile of the compose file writes to. Default "lines".
}

func (o Options) withDefaults() Options {
	or := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	or(&o.Name, "word-count")
	or(&o.Image, "rivusio/processor:latest")
	or(&o.Brokers, "kafka:9092")
	or(&o.File, "../examples/declarative/word-count.yaml")
	or(&o.Input, "lines")
	if o.Replicas == 0 {
		o.Replicas = 2
	}
	return o
}

// dnsLabel is what Kubernetes takes for the name of a Service.
var dnsLabel = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$`)

// Compose is a docker-compose.yml.
func Compose(o Options) (string, error) { return o.withDefaults().fill("compose.yml.tmpl") }

// Kubernetes is the manifests, in one file.
func Kubernetes(o Options) (string, error) {
	o = o.withDefaults()
	var errs []error
	if !dnsLabel.MatchString(o.Name) {
		errs = append(errs, fmt.Errorf("deployment: name %q is not 1 to 50 of a-z, 0-9 and -, beginning with a letter", o.Name))
	}
	if o.Replicas < 1 {
		errs = append(errs, fmt.Errorf("deployment: %d replicas, want at least 1", o.Replicas))
	}
	if o.Topology == "" {
		errs = append(errs, errors.New("deployment: the manifests need the text of a topology"))
	}
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	return o.fill("kubernetes.yaml.tmpl")
}

func (o Options) fill(name string) (string, error) {
	for field, value := range map[string]string{"image": o.Image, "brokers": o.Brokers, "file": o.File, "input": o.Input} {
		if strings.ContainsAny(value, " \t\n\"'{}#") {
			return "", fmt.Errorf("deployment: %s %q has characters that do not belong there", field, value)
		}
	}
	t, err := template.New(name).Funcs(template.FuncMap{"indent": indent}).ParseFS(templates, "templates/"+name)
	if err != nil {
		return "", fmt.Errorf("deployment: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, o); err != nil {
		return "", fmt.Errorf("deployment: %w", err)
	}
	return b.String(), nil
}

// indent puts spaces before each line that is not empty.
func indent(spaces int, text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(strings.Repeat(" ", spaces))
		}
		b.WriteString(line)
	}
	return b.String()
}
