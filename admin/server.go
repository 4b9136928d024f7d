package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"syscall"
	"time"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/topology"
)

// DefaultAddress is where a server listens that is told nothing else. If the port is taken, because another processor runs
// on the machine, it takes one of the [DefaultPorts] from there on that is free.
const DefaultAddress = "127.0.0.1:8686"

// DefaultPorts is how many ports, from that of [DefaultAddress] on, are tried.
const DefaultPorts = 32

const (
	answerTimeout   = 10 * time.Second // of everything but profiles
	profileTimeout  = 5 * time.Minute
	shutdownTimeout = 2 * time.Second
)

// Application is what is shown; an [*engine.App] is one. Its methods are called from several goroutines.
type Application interface {
	State() engine.State
	Live() bool
	Paused() bool
	Tasks() []engine.TaskInfo
	Globals() []engine.GlobalInfo
}

// Profiling says whether profiles are served.
type Profiling int

const (
	// ProfilingAuto serves them if only this machine is listened to, or if there is a token.
	ProfilingAuto Profiling = iota
	ProfilingOn
	ProfilingOff
)

// Config is what a server shows, and to whom. The zero value with an Application is valid.
type Config struct {
	Application Application          // required
	Topology    topology.Description // shown at /topology

	// Address is HOST:PORT. Default DefaultAddress.
	Address string
	// Token is called for each request and gives the token that it must bear; an error or "" refuses it. Default: none is
	// asked for.
	Token func() (string, error)
	// TLS encrypts connections if it is not nil.
	TLS *tls.Config
	// Profiling says whether profiles are served. Default ProfilingAuto.
	Profiling Profiling

	// Metrics answers /metrics. Default: not found.
	Metrics http.Handler
	// Errors gives the last errors of operators, the latest first. Default: /errors is not found.
	Errors func() []Failure
	// Logger is where the server logs. Default slog.Default.
	Logger *slog.Logger
}

// Server is an HTTP server that listens.
type Server struct {
	cfg      Config
	listener net.Listener
	http     *http.Server
	local    bool // only this machine is listened to
}

// Listen opens the port. What comes is answered once [Server.Serve] is called.
func Listen(c Config) (*Server, error) {
	if c.Application == nil {
		return nil, errors.New("admin: config: Application is nil")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	l, err := listen(c.Address)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	s := &Server{cfg: c, listener: l}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		s.local = tcp.IP.IsLoopback()
	}
	s.http = &http.Server{
		Handler: s.handler(), TLSConfig: c.TLS, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: answerTimeout, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	}
	return s, nil
}

func listen(address string) (net.Listener, error) {
	if address != "" {
		return net.Listen("tcp", address)
	}
	host, first, _ := net.SplitHostPort(DefaultAddress)
	port, _ := strconv.Atoi(first)
	for i := 0; ; i++ {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port+i)))
		if !errors.Is(err, syscall.EADDRINUSE) || i+1 == DefaultPorts {
			return l, err
		}
	}
}

// URL is where the server is, without a path.
func (s *Server) URL() string {
	if s.cfg.TLS != nil {
		return "https://" + s.listener.Addr().String()
	}
	return "http://" + s.listener.Addr().String()
}

// Open reports whether other machines are answered, and no token is asked for.
func (s *Server) Open() bool { return !s.local && s.cfg.Token == nil }

// Serve answers until [Server.Close] is called; then it returns nil.
func (s *Server) Serve() error {
	serve := s.http.Serve
	if s.cfg.TLS != nil {
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	if err := serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}

// Close ends the server. What is being answered has two seconds left.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	return errors.Join(err, s.unserved())
}

// unserved closes the listener of a server that never served, which its shutdown knows nothing of.
func (s *Server) unserved() error {
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	answer := func(path string, h http.HandlerFunc) { mux.Handle("GET "+path, within(answerTimeout, h)) }
	guarded := func(path string, h http.HandlerFunc) { answer(path, s.guard(h)) }

	answer("/livez", s.livez)
	answer("/startupz", s.startupz)
	answer("/readyz", s.readyz)
	guarded("/{$}", s.index)
	guarded("/topology", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, s.cfg.Topology) })
	guarded("/tasks", s.tasks)
	if s.cfg.Metrics != nil {
		guarded("/metrics", s.cfg.Metrics.ServeHTTP)
	}
	if s.cfg.Errors != nil {
		guarded("/errors", s.errors)
	}
	if s.profiling() {
		for path, h := range map[string]http.HandlerFunc{
			"/debug/pprof/": pprof.Index, "/debug/pprof/cmdline": pprof.Cmdline, "/debug/pprof/profile": pprof.Profile,
			"/debug/pprof/symbol": pprof.Symbol, "/debug/pprof/trace": pprof.Trace,
		} {
			mux.Handle("GET "+path, within(profileTimeout, s.guard(h)))
		}
	}
	return s.checkHost(mux)
}

func (s *Server) profiling() bool {
	switch s.cfg.Profiling {
	case ProfilingOn:
		return true
	case ProfilingOff:
		return false
	default:
		return s.local || s.cfg.Token != nil
	}
}

// within bounds the time that an answer may take.
func within(d time.Duration, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// A writer without deadlines is one of a test; that of the server has them.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
		h(w, r)
	}
}
