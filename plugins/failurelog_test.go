package plugins_test

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
)

// The error handler log logs as many failures in a second as it may, tells how many it left out, and skips all.
func TestFailureLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		registry := plugins.Standard(plugins.Environment{Logger: logger})
		h, err := registry.ErrorHandler("log", plugins.YAML("h.yaml", []byte("{rate: 2, level: ERROR}")))
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(7) {
			f := pipes.Failure{Operator: "ask", Origin: pipes.Origin{Source: "in", Offset: i}, Err: errors.New("no")}
			if d := h(t.Context(), f); d != pipes.Skip {
				t.Error(d)
			}
			if i == 4 {
				time.Sleep(time.Second)
			}
		}
		const want = `level=ERROR msg="message failed and was dropped" operator=ask origin=in/0/0 error=no
level=ERROR msg="message failed and was dropped" operator=ask origin=in/0/1 error=no
level=ERROR msg="message failed and was dropped" operator=ask origin=in/0/5 error=no not_logged=3
level=ERROR msg="message failed and was dropped" operator=ask origin=in/0/6 error=no
`
		if log.String() != want {
			t.Errorf("got\n%s\nwant\n%s", log.String(), want)
		}
		if _, err := registry.ErrorHandler("log", plugins.YAML("h.yaml", []byte("{rate: 0}"))); err == nil || err.Error() != `h.yaml:1:8: error handler "log": rate: 0 is less than 1` {
			t.Error(err)
		}
	})
}
