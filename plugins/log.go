package plugins

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
)

// LogConfig configures the pipe log.
type LogConfig struct {
	Level   slog.Level `yaml:"level" default:"INFO" doc:"DEBUG, INFO, WARN or ERROR"`
	Message string     `yaml:"message" default:"message" doc:"text of the line"`
	Every   int64      `yaml:"every" default:"1" min:"1" doc:"of how many messages one is logged, the first of them"`
	Fields  []Field    `yaml:"fields" default:"$id,$key,$value" doc:"parts of the message in the line; $value may hold what should be in no log"`
	Max     int64      `yaml:"max_size" unit:"bytes" default:"1KiB" min:"16" doc:"how much of each part is shown"`
}

func newLog(logger *slog.Logger) func(LogConfig) (Pipe, error) {
	return func(c LogConfig) (Pipe, error) {
		var count atomic.Int64
		return pipes.Func[Message, []Message](func(ctx context.Context, m Message) ([]Message, error) {
			if n := count.Add(1); (n-1)%c.Every == 0 && logger.Enabled(ctx, c.Level) {
				attrs := make([]slog.Attr, 0, len(c.Fields))
				for _, f := range c.Fields {
					if v, ok := f.Get(&m); ok {
						attrs = append(attrs, slog.String(f.String(), c.shown(v)))
					}
				}
				logger.LogAttrs(ctx, c.Level, c.Message, attrs...)
			}
			return []Message{m}, nil
		}), nil
	}
}

// shown is a part as JSON, cut.
func (c *LogConfig) shown(v any) string {
	text, ok := v.(string)
	if !ok {
		b, err := serde.JSONAny().Append(nil, v)
		if text = string(b); v == nil {
			text = "null"
		} else if err != nil {
			text = err.Error()
		}
	}
	if int64(len(text)) <= c.Max {
		return text
	}
	cut := c.Max
	for cut > 0 && text[cut]&0xc0 == 0x80 { // not inside a rune
		cut--
	}
	return text[:cut] + "…"
}
