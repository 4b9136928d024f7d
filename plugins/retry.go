package plugins

import (
	"time"

	"github.com/rivusio/rivusio/pipes"
)

// RetryConfig configures calls that are made again when they fail: those of a pipe, and requests of http-enrich and the sink
// http. Zero fields have no meaning of their own in code: [ConfigOf] gives them the defaults of their keys.
type RetryConfig struct {
	Attempts int           `yaml:"attempts" default:"3" min:"1" max:"1000" doc:"how many calls there are at most"`
	Delay    time.Duration `yaml:"delay" default:"1s" min:"0s" doc:"time before the second call"`
	Backoff  float64       `yaml:"backoff" default:"2" min:"1" max:"100" doc:"how many times longer each delay is than the one before"`
	MaxDelay time.Duration `yaml:"max_delay" default:"30s" min:"1ms" doc:"longest delay"`
	Jitter   float64       `yaml:"jitter" default:"0.2" min:"0" max:"1" doc:"part of a delay that is taken off at random, at most"`
	Timeout  time.Duration `yaml:"timeout" default:"30s" min:"1ms" doc:"longest time of one call; then its context ends, and it has failed"`
}

// Retry makes calls of a pipe again as the configuration says. While a call or a delay takes its time the pipe holds its place,
// so in a topology it wants concurrency.
func Retry[In, Out any](c RetryConfig, p pipes.Pipe[In, Out]) (pipes.Pipe[In, Out], error) {
	return retryIf(nil, c, p)
}

// retryIf retries after errors that are retryable; nil: after all.
func retryIf[In, Out any](retryable func(error) bool, c RetryConfig, p pipes.Pipe[In, Out]) (pipes.Pipe[In, Out], error) {
	limited, err := pipes.Timeout(c.Timeout, p)
	if err != nil {
		return nil, err
	}
	return pipes.Retry(pipes.RetryPolicy{
		Retries: c.Attempts - 1, Delay: c.Delay, Factor: c.Backoff, MaxDelay: c.MaxDelay, Jitter: c.Jitter, Retryable: retryable,
	}, limited)
}
