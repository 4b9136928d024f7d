package config

import (
	"fmt"
	"strings"
)

// Reference is the page docs/configuration.md, in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Configuration

This page is made from the table of keys in package ` + "`config`" + `; a test holds it to that.

A key takes its value from the first of these that has one: the flag, the environment variable, the YAML file, the
default. The file is named by ` + "`--" + FileFlag + "` or `" + FileEnv + "`" + `. What does not name a key, and what would have no effect,
is a mistake; all mistakes are reported at once, each with its place. ` + "`config`" + ` prints every value with the place it
comes from, and ` + "`config check`" + ` reads the configuration without running anything.

Durations are written as ` + "`100ms`, `5s`, `2m30s`" + `; sizes as ` + "`512KiB`, `64MiB`, `1.5GiB`" + ` (KiB, MiB and GiB are powers of 1024,
kB, MB and GB powers of 1000); a list is a YAML list in the file and has commas elsewhere. A dot in a key is a level of the
file:

` + "```yaml" + `
brokers: [kafka-1:9093, kafka-2:9093]
commit_interval: 200ms
tls:
  enabled: true
  ca_file: /etc/kafka/ca.pem
sasl:
  mechanism: SCRAM-SHA-512
  user: orders
  password_file: /run/secrets/kafka-password
` + "```" + `

Secrets have no flags, because others can read a command line. They are never printed.

In Kubernetes, a Service whose name is "rivusio" puts variables such as RIVUSIO_SERVICE_HOST into the containers of its
namespace, which are no keys of this table: set ` + "`enableServiceLinks: false`" + ` in the pod.

| key | type | default | environment | flag | what it does |
| --- | --- | --- | --- | --- | --- |
`)
	for _, k := range Keys() {
		flag := "–"
		if k.Flag() != "" {
			flag = "`--" + k.Flag() + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` | %s | %s |\n", k.Name, k.Type, k.defaultText(), k.Env(), flag, k.Doc)
	}
	return b.String()
}

func (k Key) defaultText() string {
	switch {
	case k.Default != "":
		return "`" + k.Default + "`"
	case k.Derived != "":
		return k.Derived
	}
	return "–"
}
