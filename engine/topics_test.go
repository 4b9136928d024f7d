package engine

import "log/slog"

var quietTopics = topicOptions{Create: true, Log: slog.New(slog.DiscardHandler)}
