//go:build integration

package integration_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json/v2"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/rivusio/rivusio/engine"
)

// secured is a broker of its own that wants TLS, authenticates by every mechanism, and allows nobody anything but the
// administrator, who needs neither.
type secured struct {
	*cluster
	sasl, mtls, root string // addresses
	port             string
	files            string // directory of certificates and secrets
	ca               certificateAuthority
}

const password = "correct horse"

// startSecured starts the broker. SECURED_KAFKA_PORT (default 19392) is the first of its five ports.
func startSecured(t *testing.T) *secured {
	t.Helper()
	if _, err := exec.LookPath("java"); err != nil {
		t.Skip("no java in PATH: this test starts a broker of its own")
	}
	first := 19392
	if port := os.Getenv("SECURED_KAFKA_PORT"); port != "" {
		var err error
		if first, err = strconv.Atoi(port); err != nil {
			t.Fatalf("SECURED_KAFKA_PORT: %v", err)
		}
	}
	address := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", first+i) }
	s := &secured{sasl: address(0), root: address(3), mtls: address(4), port: strconv.Itoa(first), files: t.TempDir(), ca: newCertificateAuthority(t)}
	s.write("ca.pem", s.ca.pem)
	server, serverKey := s.ca.issue(t, "broker")
	s.write("server.pem", append(serverKey, server...))
	client, clientKey := s.ca.issue(t, "processor")
	s.write("client.pem", client)
	s.write("client.key", clientKey)
	s.write("password", []byte(password))
	s.write("wrong", []byte("battery staple"))
	properties := s.write("server.properties", fmt.Appendf(nil, `
listeners=SASL_SSL://%[1]s,CONTROLLER://%[2]s,PLAINTEXT://%[3]s,MTLS://%[4]s
advertised.listeners=SASL_SSL://%[1]s,PLAINTEXT://%[3]s,MTLS://%[4]s
listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,MTLS:SSL
inter.broker.listener.name=PLAINTEXT
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
ssl.keystore.type=PEM
ssl.keystore.location=%[5]s/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=%[5]s/ca.pem
listener.name.mtls.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_plain="%[6]s";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
`, s.sasl, address(1), s.root, s.mtls, s.files, password))
	s.kafka(t, []string{"KAFKA_PROPERTIES=" + properties, "KAFKA_HEAP=512m"}, "clean")
	t.Cleanup(func() { s.kafka(t, nil, "clean") })
	s.kafka(t, []string{"KAFKA_PROPERTIES=" + properties, "KAFKA_HEAP=512m"}, "start")
	s.cluster = connectTo(t, s.root)
	var users []kadm.UpsertSCRAM
	for name, mechanism := range map[string]kadm.ScramMechanism{"scram256": kadm.ScramSha256, "scram512": kadm.ScramSha512} {
		users = append(users, kadm.UpsertSCRAM{User: name, Mechanism: mechanism, Iterations: 4096, Password: password})
	}
	until(t, time.Minute, "SCRAM users are there", func() bool {
		altered, err := s.adm.AlterUserSCRAMs(t.Context(), nil, users)
		return err == nil && altered.Error() == nil
	})
	return s
}

func (s *secured) write(name string, content []byte) (path string) {
	path = filepath.Join(s.files, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		panic(err) // a directory of the test itself
	}
	return path
}

// kafka runs kafka.sh on the broker.
func (s *secured) kafka(t *testing.T, environ []string, command string) {
	t.Helper()
	cmd := exec.Command("kafka/kafka.sh", command, s.port)
	cmd.Env = append(os.Environ(), environ...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kafka.sh %s: %v\n%s", command, err, out)
	}
}

// rights are those that the processor prints for a topology.
func (s *secured) rights(t *testing.T, name string) []engine.Right {
	t.Helper()
	var printed struct {
		Rights []engine.Right `json:"rights"`
	}
	if err := json.Unmarshal(s.output(t, "acls", "--format", "json", "--topology", name), &printed); err != nil {
		t.Fatal(err)
	}
	return printed.Rights
}

func (s *secured) output(t *testing.T, args ...string) []byte {
	t.Helper()
	binary, err := processorBinary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, args...)
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, &errors)
	}
	return out.Bytes()
}

// allow gives a principal exactly these rights, and takes those that it has.
func (s *secured) allow(t *testing.T, principal string, rights []engine.Right) {
	t.Helper()
	remove := kmsg.NewPtrDeleteACLsRequest()
	remove.Filters = []kmsg.DeleteACLsRequestFilter{{
		ResourceType: kmsg.ACLResourceTypeAny, ResourcePatternType: kmsg.ACLResourcePatternTypeAny, Principal: &principal,
		Operation: kmsg.ACLOperationAny, PermissionType: kmsg.ACLPermissionTypeAny,
	}}
	if _, err := remove.RequestWith(t.Context(), s.cl); err != nil {
		t.Fatal(err)
	}
	add := kmsg.NewPtrCreateACLsRequest()
	for _, r := range rights {
		acl := kmsg.CreateACLsRequestCreation{
			ResourceName: r.Name, ResourcePatternType: kmsg.ACLResourcePatternTypeLiteral, Principal: principal, Host: "*",
			PermissionType: kmsg.ACLPermissionTypeAllow,
			ResourceType: map[engine.Resource]kmsg.ACLResourceType{
				engine.TopicResource: kmsg.ACLResourceTypeTopic, engine.GroupResource: kmsg.ACLResourceTypeGroup,
				engine.TransactionalIDResource: kmsg.ACLResourceTypeTransactionalId,
			}[r.Resource],
		}
		if r.Prefix {
			acl.ResourcePatternType = kmsg.ACLResourcePatternTypePrefixed
		}
		operation, err := kmsg.ParseACLOperation(string(r.Operation))
		if err != nil {
			t.Fatal(err)
		}
		acl.Operation = operation
		add.Creations = append(add.Creations, acl)
	}
	created, err := add.RequestWith(t.Context(), s.cl)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range created.Results {
		if r.ErrorCode != 0 {
			t.Fatalf("an ACL was not made: error %d", r.ErrorCode)
		}
	}
}

// wordCount makes the topics of the word count anew and writes a line.
func (s *secured) wordCount() {
	s.clean("word-count", "lines", "word-counts")
	s.create(2, keepAll, "lines", "word-counts")
	// A client of its own, which knows nothing of the topic of that name that was deleted.
	connectTo(s.t, s.root).produce(&kgo.Record{Topic: "lines", Key: []byte("1"), Value: []byte("to be or not to be")})
}

// counts runs the word count until results are there and the repartition topic was purged.
func (s *secured) counts(t *testing.T, p *program) {
	t.Helper()
	p.start()
	until(t, time.Minute, "words are counted", func() bool {
		if err := p.died(); err != nil {
			t.Fatal(err)
		}
		return s.count("word-counts") >= 4
	})
	until(t, time.Minute, "the repartition topic is purged", func() bool {
		var purged int64
		starts, err := s.adm.ListStartOffsets(t.Context(), "word-count-words-repartition")
		starts.Each(func(o kadm.ListedOffset) { purged += o.Offset })
		return err == nil && purged > 0
	})
	p.stop()
}

func (s *secured) program(t *testing.T, name, address string, args ...string) *program {
	t.Helper()
	return newProgram(t, processorBinary, name, append([]string{
		"run", "--topology", "word-count", "--brokers", address, "--state-dir", t.TempDir(), "--purge-interval", "500ms", "--admin-address", "none",
		"--tls-enabled", "--tls-ca-file", filepath.Join(s.files, "ca.pem"),
	}, args...)...)
}

// TestSecured runs the shipped binary with each way to authenticate, with exactly the rights that it prints and without each
// one of them.
func TestSecured(t *testing.T) {
	s := startSecured(t)
	rights := s.rights(t, "word-count")
	saslFlags := func(mechanism, user string) []string {
		return []string{"--sasl-mechanism", mechanism, "--sasl-user", user, "--sasl-password-file", filepath.Join(s.files, "password")}
	}
	token := s.write("token", unsignedToken("bearer"))
	for _, way := range []struct {
		name, principal, address string
		args                     []string
	}{
		{"PLAIN", "User:plain", s.sasl, saslFlags("PLAIN", "plain")},
		{"SCRAM-SHA-256", "User:scram256", s.sasl, saslFlags("SCRAM-SHA-256", "scram256")},
		{"SCRAM-SHA-512", "User:scram512", s.sasl, saslFlags("SCRAM-SHA-512", "scram512")},
		{"OAUTHBEARER", "User:bearer", s.sasl, []string{"--sasl-mechanism", "OAUTHBEARER", "--sasl-token-file", token}},
		{"mTLS", "User:CN=processor", s.mtls, []string{"--tls-cert-file", filepath.Join(s.files, "client.pem"), "--tls-key-file", filepath.Join(s.files, "client.key")}},
	} {
		t.Run(way.name, func(t *testing.T) {
			s.wordCount()
			s.allow(t, way.principal, rights)
			s.counts(t, s.program(t, way.name, way.address, way.args...))
		})
	}
	t.Run("wrong password", func(t *testing.T) {
		for mechanism, user := range map[string]string{"PLAIN": "plain", "SCRAM-SHA-512": "scram512"} {
			p := s.program(t, "wrong-"+mechanism, s.sasl, "--connect-timeout", "5s",
				"--sasl-mechanism", mechanism, "--sasl-user", user, "--sasl-password-file", filepath.Join(s.files, "wrong"))
			p.start()
			if code := p.exit(time.Minute); code != exitFailure {
				t.Errorf("%s: exit code %d", mechanism, code)
			}
			p.says("SASL_AUTHENTICATION_FAILED")
		}
	})
	t.Run("no client certificate", func(t *testing.T) {
		p := s.program(t, "no-certificate", s.mtls, "--connect-timeout", "3s")
		p.start()
		if code := p.exit(time.Minute); code != exitFailure {
			t.Errorf("exit code %d", code)
		}
		p.says("tls: ", "certificate") // which alert it is depends on the broker
	})
	t.Run("without one right", func(t *testing.T) {
		for i, missing := range rights {
			s.wordCount()
			s.allow(t, "User:plain", slices.Delete(slices.Clone(rights), i, i+1))
			p := s.program(t, "without-"+strconv.Itoa(i), s.sasl, saslFlags("PLAIN", "plain")...)
			p.start()
			if code := p.exit(time.Minute); code != exitFailure {
				t.Errorf("without %v: exit code %d", missing, code)
			}
			p.says(missing.String())
		}
	})
	t.Run("printed commands", func(t *testing.T) {
		s.wordCount()
		s.allow(t, "User:plain", nil)
		script := "kafka-acls.sh() { kafka/kafka.sh run-class " + s.port + " org.apache.kafka.tools.AclCommand \"$@\" >/dev/null </dev/null; }\nset -e\n" +
			string(s.output(t, "acls", "--topology", "word-count", "--brokers", s.root, "--principal", "User:plain"))
		if out, err := exec.Command("bash", "-c", script).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s\n%s", err, out, script)
		}
		s.counts(t, s.program(t, "printed", s.sasl, saslFlags("PLAIN", "plain")...))
	})
}

// unsignedToken is a token as the broker takes it that checks no signatures.
func unsignedToken(subject string) []byte {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	now := time.Now().Unix()
	return []byte(part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d}`, subject, now-60, now+3600)) + ".")
}

// certificateAuthority signs the certificates of a test.
type certificateAuthority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newCertificateAuthority(t *testing.T) certificateAuthority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificateAuthority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue makes a certificate and its key, in PEM form.
func (a certificateAuthority) issue(t *testing.T, name string) (cert, key []byte) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, a.cert, k.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}
