package registry

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"
)

// Config is how a registry is reached. Only URLs is required; zero fields have the defaults that they name.
type Config struct {
	// URLs are the servers of the registry, http or https; the first that answers is asked.
	URLs []string
	// Username and Password are for basic authentication, Token for bearer authentication, asked before each request. At most one
	// of the two.
	Username, Password string
	Token              func() (string, error)
	// TLS is for https. Default: that of the system.
	TLS *tls.Config
	// Strategy is how subjects are named. Default [TopicName].
	Strategy Strategy
	// AutoRegister registers schemas that a subject has not, once they are compatible. Off by default: whoever may deploy a
	// program need not be who decides about schemas.
	AutoRegister bool
	// Timeout bounds one request. Default 10 s.
	Timeout time.Duration
	// Patience is how long [Serde.Open] and a decoding that nobody has waited for go on trying while the registry cannot be
	// reached. Default 1 min.
	Patience time.Duration
	// MaxSchemas bounds how many schemas are kept, by id; others are fetched again when they are needed. Default 1,000.
	MaxSchemas int
	// MaxSchemaBytes bounds one schema, with those that it refers to. Default 1 MiB.
	MaxSchemaBytes int
	// Logger is told of failed requests. Default: slog's default logger.
	Logger *slog.Logger
}

// maxReferences bounds how many schemas one refers to, directly or not.
const maxReferences = 200

func (c Config) withDefaults() (Config, error) {
	var errs []error
	if len(c.URLs) == 0 {
		errs = append(errs, errors.New("registry: URLs is empty"))
	}
	for _, s := range c.URLs {
		if u, err := url.Parse(s); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			errs = append(errs, fmt.Errorf("registry: %q is not a URL such as http://localhost:8081", s))
		}
	}
	if c.Token != nil && (c.Username != "" || c.Password != "") {
		errs = append(errs, errors.New("registry: there is a Token, and a Username or Password: want one of them"))
	}
	if c.Username == "" && c.Password != "" {
		errs = append(errs, errors.New("registry: there is a Password without a Username"))
	}
	for name, n := range map[string]int{"MaxSchemas": c.MaxSchemas, "MaxSchemaBytes": c.MaxSchemaBytes, "Timeout": int(c.Timeout), "Patience": int(c.Patience)} {
		if n < 0 {
			errs = append(errs, fmt.Errorf("registry: %s is negative", name))
		}
	}
	c.Strategy = cmp.Or(c.Strategy, TopicName)
	if c.Strategy != TopicName && c.Strategy != RecordName && c.Strategy != TopicRecordName {
		errs = append(errs, fmt.Errorf("registry: Strategy %q is not %s, %s or %s", c.Strategy, TopicName, RecordName, TopicRecordName))
	}
	c.Timeout = cmp.Or(c.Timeout, 10*time.Second)
	c.Patience = cmp.Or(c.Patience, time.Minute)
	c.MaxSchemas = cmp.Or(c.MaxSchemas, 1000)
	c.MaxSchemaBytes = cmp.Or(c.MaxSchemaBytes, 1<<20)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, errors.Join(errs...)
}

// Strategy is how the subject is named of what is written to a topic.
type Strategy string

// The strategies of Confluent's serializers.
const (
	TopicName       Strategy = "topic"        // TOPIC-key and TOPIC-value: each topic has one type
	RecordName      Strategy = "record"       // the name of the type ([Schema].Name), in all topics
	TopicRecordName Strategy = "topic-record" // TOPIC-RECORD: a topic may have several types
)

// subject names the subject for a topic.
func (s Strategy) subject(topic, record string, key bool) (string, error) {
	switch {
	case s != TopicName && record == "":
		return "", fmt.Errorf("registry: the schema for topic %q has no name for a subject to be called by", topic)
	case s == RecordName:
		return record, nil
	case s == TopicRecordName:
		return topic + "-" + record, nil
	case key:
		return topic + "-key", nil
	}
	return topic + "-value", nil
}
