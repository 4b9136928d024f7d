package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/rivusio/rivusio/engine"
)

// saslKeys are the keys of section sasl.
type saslKeys struct {
	mechanism                                      engine.Mechanism
	user, password, passwordFile, token, tokenFile string
}

// finishSASL makes what the engine needs of the keys, and reads the files that they name.
func (c *Config) finishSASL() (mistakes []mistake) {
	if !c.sound("sasl.mechanism") {
		return nil
	}
	var err error
	s := c.sasl
	switch s.mechanism {
	case "":
		return c.useless("without sasl.mechanism", "sasl.user", "sasl.password", "sasl.password_file", "sasl.token", "sasl.token_file")
	case engine.OAuthBearer:
		mistakes = c.useless("with OAUTHBEARER", "sasl.user", "sasl.password", "sasl.password_file")
		out := &engine.SASL{Mechanism: s.mechanism, Token: tokenFrom(s)}
		if _, err = out.Token(context.Background()); err != nil {
			mistakes = append(mistakes, mistake{first(s.tokenFile != "", "sasl.token_file", "sasl.mechanism"), err})
		}
		c.Engine.SASL = out
	default:
		mistakes = c.useless("with "+string(s.mechanism), "sasl.token", "sasl.token_file")
		out := &engine.SASL{Mechanism: s.mechanism, User: s.user}
		if out.User == "" {
			mistakes = append(mistakes, mistake{"sasl.mechanism", fmt.Errorf("%s needs sasl.user", s.mechanism)})
		}
		if out.Password, err = secret("sasl.password", s.password, s.passwordFile); err != nil {
			mistakes = append(mistakes, mistake{first(s.passwordFile != "", "sasl.password_file", "sasl.mechanism"), err})
		}
		c.Engine.SASL = out
	}
	return mistakes
}

func first(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// tokenFrom gives the token for a new connection. A file is read each time: tokens are replaced before they expire.
func tokenFrom(s saslKeys) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return secret("sasl.token", s.token, s.tokenFile) }
}

// secret is what a key says or what stands in the file that its other form names, without the newline at the end.
func secret(key, value, file string) (string, error) {
	switch {
	case value != "" && file != "":
		return "", fmt.Errorf("%s and %s_file are both given", key, key)
	case value != "":
		return value, nil
	case file == "":
		return "", fmt.Errorf("it needs %s_file or %s", key, key)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if value = strings.TrimRight(string(content), "\r\n"); value == "" {
		return "", errors.New(file + " is empty")
	}
	return value, nil
}
