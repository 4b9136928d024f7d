package config_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/config"
	"github.com/rivusio/rivusio/engine"
	"github.com/spf13/pflag"
)

var rewrite = flag.Bool("rewrite", false, "write docs/configuration.md anew")

// load loads a file of this content, this environment and these flags. The flag --config names the file "rivusio.yaml".
func load(t testing.TB, file string, environ []string, args ...string) (*config.Config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags)
	if file != "" {
		args = append(args, "--config", write(t, "rivusio.yaml", file))
	}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return config.Load(config.Sources{Environ: environ, Flags: flags})
}

func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sample is a value of a key that is not its default, and what must be set beside it so that it has an effect.
type sample struct {
	value string
	with  []string // environment
}

// samples has every key: I10.
func samples(t testing.TB) map[string]sample {
	cert, key := certificate(t)
	tls, scram := "RIVUSIO_TLS_ENABLED=true", "RIVUSIO_SASL_MECHANISM=SCRAM-SHA-256"
	user, password := "RIVUSIO_SASL_USER=bob", "RIVUSIO_SASL_PASSWORD=hush"
	bearer, urls := "RIVUSIO_SASL_MECHANISM=OAUTHBEARER", "RIVUSIO_REGISTRY_URLS=http://one:8081"
	return map[string]sample{
		"brokers":                  {value: "kafka-1:9093,kafka-2:9093"},
		"topology":                 {value: "orders"},
		"plugins":                  {value: "/opt/plugins"},
		"instance":                 {value: "left"},
		"state_dir":                {value: "/var/lib/orders"},
		"workers":                  {value: "7"},
		"guarantee":                {value: "at-least-once"},
		"commit_interval":          {value: "250ms"},
		"max_dirty_size":           {value: "3MiB"},
		"linger":                   {value: "none"},
		"compression":              {value: "zstd"},
		"memory_limit":             {value: "512MiB"},
		"cache_size":               {value: "10MB"},
		"block_cache_size":         {value: "1.5GiB"},
		"memtable_size":            {value: "8MiB"},
		"input_size":               {value: "100MiB"},
		"producer_size":            {value: "10MiB"},
		"backpressure.policy":      {value: "off"},
		"backpressure.high_lag":    {value: "5000"},
		"backpressure.low_lag":     {value: "100"},
		"backpressure.high_delay":  {value: "1m"},
		"backpressure.low_delay":   {value: "2s"},
		"backpressure.topics":      {value: "app-a-repartition=7,app-b-repartition=8"},
		"buffer_size":              {value: "1MiB"},
		"buffer_resume_size":       {value: "64KiB"},
		"fetch_size":               {value: "2MiB"},
		"max_task_idle":            {value: "1s"},
		"stop_policy":              {value: "stay"},
		"stop_timeout":             {value: "1m"},
		"stall_timeout":            {value: "1m"},
		"connect_timeout":          {value: "1s"},
		"session_timeout":          {value: "45s"},
		"transaction_timeout":      {value: "1m30s"},
		"replication_factor":       {value: "3"},
		"require_topics":           {value: "true"},
		"purge_interval":           {value: "1s"},
		"pattern_interval":         {value: "1s"},
		"tls.enabled":              {value: "true"},
		"tls.ca_file":              {cert, []string{tls}},
		"tls.cert_file":            {cert, []string{tls, "RIVUSIO_TLS_KEY_FILE=" + key}},
		"tls.key_file":             {key, []string{tls, "RIVUSIO_TLS_CERT_FILE=" + cert}},
		"tls.server_name":          {"kafka.internal", []string{tls}},
		"tls.insecure_skip_verify": {"true", []string{tls}},
		"sasl.mechanism":           {"PLAIN", []string{user, password}},
		"sasl.user":                {"alice", []string{scram, password}},
		"sasl.password":            {"hush", []string{scram, user}},
		"sasl.password_file":       {write(t, "password", "from the file\n"), []string{scram, user}},
		"sasl.token":               {"hush", []string{bearer}},
		"sasl.token_file":          {write(t, "token", "from the file"), []string{bearer}},
		"admin.address":            {value: "0.0.0.0:8080"},
		"admin.token":              {value: "hush"},
		"admin.token_file":         {value: write(t, "admin-token", "from the file")},
		"admin.tls_cert_file":      {cert, []string{"RIVUSIO_ADMIN_TLS_KEY_FILE=" + key}},
		"admin.tls_key_file":       {key, []string{"RIVUSIO_ADMIN_TLS_CERT_FILE=" + cert}},
		"admin.profiling":          {value: "off"},
		"registry.urls":            {value: "http://one:8081,https://two"},
		"registry.user":            {"alice", []string{urls, "RIVUSIO_REGISTRY_PASSWORD=hush"}},
		"registry.password":        {"hush", []string{urls, "RIVUSIO_REGISTRY_USER=bob"}},
		"registry.password_file":   {write(t, "registry-password", "from the file\n"), []string{urls, "RIVUSIO_REGISTRY_USER=bob"}},
		"registry.token":           {"hush", []string{urls}},
		"registry.token_file":      {write(t, "registry-token", "from the file"), []string{urls}},
		"registry.ca_file":         {cert, []string{urls}},
		"registry.cert_file":       {cert, []string{urls, "RIVUSIO_REGISTRY_KEY_FILE=" + key}},
		"registry.key_file":        {key, []string{urls, "RIVUSIO_REGISTRY_CERT_FILE=" + cert}},
		"registry.subjects":        {"record", []string{urls}},
		"registry.auto_register":   {"true", []string{urls}},
		"registry.timeout":         {"3s", []string{urls}},
		"log.level":                {value: "debug"},
		"log.format":               {value: "json"},

		"telemetry.metrics":         {value: "prometheus"},
		"telemetry.traces":          {value: "console"},
		"telemetry.logs":            {value: "otlp"},
		"telemetry.endpoint":        {value: "http://collector:4317"},
		"telemetry.protocol":        {value: "grpc"},
		"telemetry.metric_interval": {value: "10s"},
		"telemetry.trace_one_in":    {value: "100"},
		"telemetry.trace_limit":     {value: "7"},
		"telemetry.time_one_in":     {value: "none"},
	}
}

func TestEveryKeyHasAnEffectFromEverySource(t *testing.T) {
	all := samples(t)
	for _, k := range config.Keys() {
		s, ok := all[k.Name]
		if !ok {
			t.Errorf("%s: the test has no sample", k.Name)
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			without := "{}" // with what the sample needs beside it, as far as that is valid alone
			want := ""
			for source, c := range map[string]func() (*config.Config, error){
				"file":        func() (*config.Config, error) { return load(t, yamlOf(k.Name, s.value), s.with) },
				"environment": func() (*config.Config, error) { return load(t, without, append(s.with, k.Env()+"="+s.value)) },
				"flag":        func() (*config.Config, error) { return load(t, without, s.with, "--"+k.Flag()+"="+s.value) },
			} {
				if source == "flag" && k.Secret {
					continue
				}
				c, err := c()
				if err != nil {
					t.Fatalf("%s: %v", source, err)
				}
				got := fingerprint(t, c)
				if want == "" {
					want = got
				} else if got != want {
					t.Errorf("%s differs from another source: %s, want %s", source, got, want)
				}
			}
			if base, err := load(t, "", s.with); err == nil && fingerprint(t, base) == want {
				t.Errorf("the key changes nothing: %s", want)
			}
		})
	}
}

// fingerprint is everything that a configuration says to those who use it.
func fingerprint(t testing.TB, c *config.Config) string {
	e := c.Engine
	var parts []string
	if tls := c.TLS(); tls != nil {
		parts = append(parts, fmt.Sprint("tls ", tls.ServerName, tls.InsecureSkipVerify, tls.RootCAs != nil, e.Dialer != nil))
		if tls.GetClientCertificate != nil {
			cert, err := tls.GetClientCertificate(nil)
			if err != nil {
				t.Error(err)
			}
			parts = append(parts, fmt.Sprintf("%x", cert.Certificate[0][:16]))
		}
	}
	if r := c.Registry; r != nil {
		parts = append(parts, fmt.Sprint("registry ", r.URLs, r.Username, r.Password, r.Strategy, r.AutoRegister, r.Timeout))
		if r.Token != nil {
			token, err := r.Token()
			parts = append(parts, fmt.Sprint(token, err))
		}
		if r.TLS != nil {
			parts = append(parts, fmt.Sprint(r.TLS.RootCAs != nil, r.TLS.GetClientCertificate != nil))
		}
	}
	if a := c.Admin; a != nil {
		parts = append(parts, fmt.Sprint("admin ", a.Address, a.Profiling))
		if a.Token != nil {
			token, err := a.Token()
			parts = append(parts, fmt.Sprint(token, err))
		}
		if a.TLS != nil {
			cert, err := a.TLS.GetCertificate(nil)
			if err != nil {
				t.Error(err)
			}
			parts = append(parts, fmt.Sprintf("%x", cert.Certificate[0][:16]))
		}
	}
	if e.SASL != nil {
		parts = append(parts, fmt.Sprint("sasl ", e.SASL.Mechanism, e.SASL.User, e.SASL.Password))
		if e.SASL.Token != nil {
			token, err := e.SASL.Token(context.Background())
			parts = append(parts, fmt.Sprint(token, err))
		}
	}
	e.Dialer, e.SASL = nil, nil
	return fmt.Sprintf("%+v %+v %+v %v %v %v", e, c.Log, c.Telemetry, c.Topology, c.Plugins, parts)
}

func yamlOf(name, value string) string {
	if section, key, ok := strings.Cut(name, "."); ok {
		return fmt.Sprintf("%s:\n  %s: %s\n", section, key, value)
	}
	if name == "brokers" {
		value = "[" + value + "]"
	}
	return name + ": " + value + "\n"
}

// What the engine can be told, a user can configure; what only code can give is listed here.
func TestEveryFieldOfTheEngineHasAKey(t *testing.T) {
	codeOnly := map[string]bool{"TLS": true, // a Dialer, which looks at the files each time, is in its place
		"Logger": true, "Observer": true, "Watch": true, "OnStateChange": true, "Faults": true,
		"Until": true, "Mute": true} // of reprocess and drain, which set them
	changed := make(map[string]bool)
	base, err := load(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range samples(t) {
		key := "RIVUSIO_" + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
		c, err := load(t, "", append(s.with, key+"="+s.value))
		if err != nil {
			t.Fatal(err)
		}
		before, after := reflect.ValueOf(base.Engine), reflect.ValueOf(c.Engine)
		for f := range before.Type().Fields() {
			if f.IsExported() && !codeOnly[f.Name] && !reflect.DeepEqual(before.FieldByIndex(f.Index).Interface(), after.FieldByIndex(f.Index).Interface()) {
				changed[f.Name] = true
			}
		}
	}
	for f := range reflect.TypeFor[engine.Config]().Fields() {
		if f.IsExported() && !codeOnly[f.Name] && !changed[f.Name] {
			t.Errorf("no key changes engine.Config.%s", f.Name)
		}
	}
}

// The defaults of the table are those of the engine: an application that is configured in code runs alike.
func TestDefaultsAreValid(t *testing.T) {
	c, err := load(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Engine.Validate(); err != nil {
		t.Error(err)
	}
}

func TestPrecedence(t *testing.T) {
	const file = "workers: 2\ncommit_interval: 2s\nmax_task_idle: 2s\n"
	c, err := load(t, file, []string{"RIVUSIO_COMMIT_INTERVAL=3s", "RIVUSIO_MAX_TASK_IDLE=3s", "OTHER=1"}, "--max-task-idle", "4s")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]config.Setting{
		"purge_interval":     {Value: "30s", Source: "default"},
		"pattern_interval":   {Value: "5m", Source: "default"},
		"workers":            {Value: "2", Source: "rivusio.yaml:1"},
		"commit_interval":    {Value: "3s", Source: "RIVUSIO_COMMIT_INTERVAL"},
		"max_task_idle":      {Value: "4s", Source: "--max-task-idle"},
		"replication_factor": {Value: "(the brokers' default)", Source: "default"},
	}
	for _, s := range c.Effective() {
		if w, ok := want[s.Key]; ok {
			if w.Key = s.Key; s != w {
				t.Errorf("got %+v, want %+v", s, w)
			}
			delete(want, s.Key)
		}
	}
	if len(want) > 0 {
		t.Errorf("not in Effective: %v", want)
	}
	if e := c.Engine; e.Workers != 2 || e.CommitInterval != 3*time.Second || e.MaxTaskIdle != 4*time.Second {
		t.Errorf("got %d workers, commit interval %v, max task idle %v", e.Workers, e.CommitInterval, e.MaxTaskIdle)
	}
}

func TestFileFromEnvironment(t *testing.T) {
	c, err := load(t, "", []string{"RIVUSIO_CONFIG=" + write(t, "prod.yaml", "workers: 3")})
	if err != nil || c.Engine.Workers != 3 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		name, file string
		environ    []string
		args       []string
		want       []string
	}{
		{"unknown key", "broker: [a:1]\n", nil, nil, []string{`rivusio.yaml:1: unknown key "broker", did you mean brokers?`}},
		{"unknown key below a section", "tls:\n  cert: x\n", nil, nil, []string{`rivusio.yaml:2: unknown key "tls.cert"`}},
		{"unknown variable", "", []string{"RIVUSIO_WORKER=2"}, nil, []string{`RIVUSIO_WORKER: unknown environment variable, did you mean RIVUSIO_WORKERS?`}},
		{"no YAML", "a: b: c", nil, nil, []string{"rivusio.yaml: yaml: "}},
		{"no mapping", "- a", nil, nil, []string{"rivusio.yaml:1: want keys with values"}},
		{"section with a value", "tls: true", nil, nil, []string{"rivusio.yaml:1: tls: want keys with values"}},
		{"list for one value", "workers: [1, 2]", nil, nil, []string{"rivusio.yaml:1: workers: want one value"}},
		{"mapping for a list", "brokers: {a: b}", nil, nil, []string{"rivusio.yaml:1: brokers: want a list of values"}},
		{"empty list", "brokers: []", nil, nil, []string{"rivusio.yaml:1: brokers: the list is empty"}},
		{"no value", "workers:", nil, nil, []string{"rivusio.yaml:1: workers: it has no value"}},
		{"given twice", "tls.enabled: true\ntls:\n  enabled: true", nil, nil, []string{"rivusio.yaml:3: tls.enabled: given twice"}},
		{"no file", "", []string{"RIVUSIO_CONFIG=" + dir + "/none.yaml"}, nil, []string{"configuration file: open " + dir + "/none.yaml: no such file"}},
		{"all at once, each with its place", "commit_interval: 5\nguarantee: maybe\n", []string{"RIVUSIO_CACHE_SIZE=many"}, []string{"--workers", "no"}, []string{
			"configuration: 4 mistakes\n",
			`rivusio.yaml:1: commit_interval: "5" is not a duration: write a number with a unit, such as 100ms, 5s or 2m30s`,
			`rivusio.yaml:2: guarantee: "maybe" is not one of exactly-once, at-least-once`,
			`RIVUSIO_CACHE_SIZE: cache_size: "many" is not a size: write a number with a unit, such as 512KiB, 64MiB or 1.5GiB`,
			`--workers: workers: "no" is not a whole number`,
		}},
		{"bounds", "workers: 0\nlinger: 10us\nfetch_size: 1B\nbrokers: [kafka]\ninstance: a b", nil, nil, []string{
			"workers: 0 is not between 1 and 1024", "linger: 10µs is not a whole number of milliseconds", "fetch_size: 1B is less than 1024 bytes",
			`brokers: "kafka" is not HOST:PORT`, `instance: "a b" is not 1 to 200 of the characters`,
		}},
		{"truth", "require_topics: maybe", nil, nil, []string{`require_topics: "maybe" is not true or false`}},
		{"between keys", "transaction_timeout: 1s\ncommit_interval: 1s\nbuffer_resume_size: 4MiB", nil, nil, []string{
			"rivusio.yaml:2: commit_interval: 1s is not less than transaction_timeout, which is 1s",
			"rivusio.yaml:3: buffer_resume_size: 4194304 bytes are not less than buffer_size, which is 4194304",
		}},
		{"inert keys", "tls: {server_name: a}\nsasl: {user: b}", nil, nil, []string{
			"rivusio.yaml:1: tls.server_name: it has no effect without tls.enabled: true", "rivusio.yaml:2: sasl.user: it has no effect without sasl.mechanism",
		}},
		{"other mechanism's keys", "sasl: {mechanism: OAUTHBEARER, user: b, token: t}", nil, nil, []string{"sasl.user: it has no effect with OAUTHBEARER"}},
		{"half of SASL", "sasl: {mechanism: PLAIN}", nil, nil, []string{"sasl.mechanism: PLAIN needs sasl.user", "sasl.mechanism: it needs sasl.password_file or sasl.password"}},
		{"two secrets", "sasl: {mechanism: PLAIN, user: a, password: b, password_file: c}", nil, nil, []string{"sasl.password_file: sasl.password and sasl.password_file are both given"}},
		{"no token file", "sasl: {mechanism: OAUTHBEARER, token_file: " + dir + "/none}", nil, nil, []string{"rivusio.yaml:1: sasl.token_file: open " + dir + "/none: no such file"}},
		{"half of a pair", "tls: {enabled: true, cert_file: c}", nil, nil, []string{"tls.cert_file: it needs tls.key_file too"}},
		{"no CA file", "tls: {enabled: true, ca_file: " + dir + "/none}", nil, nil, []string{"tls.ca_file: open "}},
		{"admin switched off", "admin: {address: none, token: t, profiling: on}", nil, nil, []string{
			"admin.token: it has no effect with admin.address: none", "admin.profiling: it has no effect with admin.address: none",
		}},
		{"admin", "admin: {address: here, profiling: maybe, tls_cert_file: c}", nil, nil, []string{
			`admin.address: "here" is not HOST:PORT, :PORT or none`, `admin.profiling: "maybe" is not one of auto, on, off`,
		}},
		{"half of admin's pair", "admin: {tls_key_file: c}", nil, nil, []string{"admin.tls_key_file: it needs admin.tls_cert_file too"}},
		{"admin's two tokens", "admin: {token: t, token_file: f}", nil, nil, []string{"admin.token_file: admin.token and admin.token_file are both given"}},
		{"no admin token", "admin: {token_file: " + dir + "/none}", nil, nil, []string{"admin.token_file: open "}},
		{"CA unused", "tls: {enabled: true, insecure_skip_verify: true, ca_file: x}", nil, nil, []string{"tls.ca_file: it has no effect together with tls.insecure_skip_verify: true"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(t, test.file, test.environ, test.args...)
			var all *config.Error
			if !errors.As(err, &all) {
				t.Fatalf("got %v, want mistakes", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in:\n%v", want, err)
				}
			}
			mistakes := len(test.want)
			if strings.HasPrefix(test.want[0], "configuration: ") {
				mistakes--
			}
			if len(all.Mistakes) != mistakes {
				t.Errorf("%d mistakes, want %d:\n%v", len(all.Mistakes), mistakes, err)
			}
		})
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	const secret = "correct horse"
	c, err := load(t, "sasl:\n  mechanism: PLAIN\n  user: bob\n", []string{"RIVUSIO_SASL_PASSWORD=" + secret})
	if err != nil || c.Engine.SASL.Password != secret {
		t.Fatalf("got %+v, %v", c, err)
	}
	if text := fmt.Sprint(c.Effective()); strings.Contains(text, secret) || !strings.Contains(text, "********") {
		t.Errorf("the secret is not masked: %s", text)
	}
	_, err = load(t, "sasl:\n  password: "+secret+"\nworkers: x", nil)
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("the secret is in the error: %v", err)
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.AddFlags(flags)
	if flags.Lookup("sasl-password") != nil || flags.Lookup("sasl-token") != nil || flags.Lookup("admin-token") != nil {
		t.Error("a secret has a flag")
	}
}

// The text of a scalar counts, not what YAML takes it for.
func TestScalarsAreText(t *testing.T) {
	c, err := load(t, "instance: 0123\nsasl: {mechanism: PLAIN, user: yes, password: 1e3}\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Engine.SASL; c.Engine.Instance != "0123" || s.User != "yes" || s.Password != "1e3" {
		t.Errorf("got instance %q, user %q, password %q", c.Engine.Instance, s.User, s.Password)
	}
}

func TestTokenFileIsReadAgain(t *testing.T) {
	path := write(t, "token", "first\n")
	c, err := load(t, "sasl: {mechanism: OAUTHBEARER, token_file: "+path+"}", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"first", "second"} {
		if err := os.WriteFile(path, []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Engine.SASL.Token(context.Background()); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

func TestListsAndTruth(t *testing.T) {
	c, err := load(t, "", nil, "--brokers", "a:1, b:2", "--brokers", "c:3", "--require-topics")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a:1", "b:2", "c:3"}; !reflect.DeepEqual(c.Engine.Brokers, want) || !c.Engine.RequireTopics {
		t.Errorf("got %v and %v", c.Engine.Brokers, c.Engine.RequireTopics)
	}
}

func TestReferenceIsCurrent(t *testing.T) {
	path := filepath.Join("..", "docs", "configuration.md")
	if *rewrite {
		if err := os.WriteFile(path, []byte(config.Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != config.Reference() {
		t.Error("docs/configuration.md is not what config.Reference says: run go test ./config -rewrite")
	}
}

// certificate writes a certificate and its key.
func certificate(t testing.TB) (certFile, keyFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))),
		write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}
