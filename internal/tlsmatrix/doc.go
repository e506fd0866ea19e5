// Package tlsmatrix holds the tests that try TLS between real lictor processes: every flag of verification with every kind of certificate,
// on the HTTPS API and on the server port, and certificates that are replaced under load.
//
// What the first of them see is in tables in docs/security.md, which the test writes with -update and compares without:
//
//	go test -tags heavy ./internal/tlsmatrix
//	go test -tags heavy ./internal/tlsmatrix -run TestTables -update
//
// LICTOR_TLS_BINARY names a lictor to test instead of one that is built first. Everything listens on the loopback interface, and every
// process is stopped by its number.
package tlsmatrix
