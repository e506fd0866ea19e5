// Compare times a server and the snapshot command that comes with it, and prints what a second server needs beside it as ratios.
//
// It speaks Consul's HTTP API, so that it measures Lictor and Consul alike. All servers get the same keys and values, and every
// measure goes round the servers before it is repeated, so that noise on the machine meets all of them. Nothing but the ratios of
// one run can be compared: figures of different runs differ with the machine and its other work.
//
// It replaces the whole state of the servers that it measures. It refuses a server that holds keys which it did not write, unless
// told to go on.
//
// Memory is read from /proc, so the servers must run on the same Linux machine. TLS is not spoken.
package main
