package storetest

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Plain serves HTTP on the loopback interface for as long as the test runs, and returns its URL.
func Plain(t testing.TB, handler http.HandlerFunc) string {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}
