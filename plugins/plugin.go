package plugins

import (
	"context"

	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/pipes"
)

// Message is what goes through configured pipelines: a value with its envelope, both without types of their own.
type Message = pipes.Message[any, any]

// Pipe is the shape of pipes that are put together by configuration: of each message it makes none, one or many. It may be
// called by several goroutines at once.
type Pipe = pipes.Pipe[Message, []Message]

// Source is messages in order; see [pipes.Stream]. A range over it ends when the context does.
type Source = pipes.Stream[Message]

// Sink takes messages. Write is called by one goroutine at a time. A sink may have an Open and a Close ([pipes.Opener],
// [pipes.Closer]) and may be a [Flusher].
type Sink interface {
	// Write takes a message. It may keep it for a while; then an error may be that of an earlier one.
	Write(ctx context.Context, m Message) error
}

// Flusher is a [Sink] that keeps messages. After Flush all that it has been given is written, or Flush returns an error.
type Flusher interface {
	Flush(ctx context.Context) error
}

// Kind is what a plugin is.
type Kind string

// The kinds of plugins.
const (
	KindSource       Kind = "source"
	KindSink         Kind = "sink"
	KindPipe         Kind = "pipe"
	KindSerde        Kind = "serde"
	KindStore        Kind = "store"
	KindErrorHandler Kind = "error handler"
)

// Kinds are all kinds, in the order in which a message meets them.
func Kinds() []Kind {
	return []Kind{KindSource, KindPipe, KindSink, KindSerde, KindStore, KindErrorHandler}
}

// Place is where something stands: file, line and column, or an environment variable.
type Place = document.Place

// KeyError is a mistake in the value of one key, for a Validate or a factory to return: it is told with the place of the key.
type KeyError = document.KeyError
