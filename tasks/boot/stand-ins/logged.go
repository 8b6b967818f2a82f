package main

import (
	"crypto/subtle"
	"encoding/json"
	"log"
	"net/http"
)

// reply remembers the status, for the log.
type reply struct {
	http.ResponseWriter
	status int
}

func (r *reply) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for those that need the connection itself.
func (r *reply) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// logged writes a line for each request.
func logged(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		answer := &reply{ResponseWriter: w, status: http.StatusOK}
		handler.ServeHTTP(answer, request)
		log.Print(request.Method, " ", request.Host, request.URL, " ", answer.status)
	})
}

// withPassword lets in who comes with that user and password.
func withPassword(user, password string, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		name, word, _ := request.BasicAuth()
		if !same(name, user) || !same(word, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="stand-ins"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, request)
	})
}

func same(one, other string) bool {
	return subtle.ConstantTimeCompare([]byte(one), []byte(other)) == 1
}

func writeJSON(w http.ResponseWriter, kind string, status int, value any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Print(err)
	}
}
