package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

// guard asks for the token, if there is one.
func (s *Server) guard(h http.HandlerFunc) http.HandlerFunc {
	if s.cfg.Token == nil {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request) {
		token, err := s.cfg.Token()
		if err != nil {
			s.cfg.Logger.Error("requests are refused, because the token of the admin server cannot be read", "error", err)
		}
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if err != nil || token == "" || !ok || !same(given, token) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "this path needs the header Authorization: Bearer TOKEN, with the token of admin.token or admin.token_file", http.StatusUnauthorized)
			return
		}
		h(w, r)
	}
}

// same compares in a time that says nothing about where the texts differ, nor how long they are.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// checkHost refuses requests to this machine by a foreign name: a web page whose name was made to point to this machine
// could else read what its visitor's processor shows.
func (s *Server) checkHost(h http.Handler) http.Handler {
	if !s.local {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if host != "localhost" && net.ParseIP(strings.Trim(host, "[]")) == nil {
			http.Error(w, "only localhost and addresses are answered here, not "+host, http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}
