// Package tlstest issues certificates for tests: authorities, and what they sign, as files and ready to use. Keys are made for each test
// and worth nothing. Only tests import it.
package tlstest
