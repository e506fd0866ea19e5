// Package serverport is the port that servers talk to each other on ("server" in the configuration's ports, 8300 by default). It carries
// Raft's messages, and other agents' requests as HTTP/2. The numbers are Lictor's own: Lictor and Consul never share a cluster.
//
// The first byte of a connection says what it carries: 1 Raft, 2 requests, both in plaintext; 22 (a TLS handshake record) that TLS follows,
// and ALPN in it says the rest: "lictor-raft" or "lictor-requests". The port answers with one byte, in TLS once the handshake is over: the
// connection is taken, or why not. So whoever dials knows before it sends anything whether it may, and that its certificate is good.
//
// Whether there is TLS, and what of it, is asked of [Security] for each connection: what is reloaded holds for those that come after.
// Plaintext is refused where TLS is required, and TLS where there is no certificate; nobody falls back from one to the other. What is
// refused, and plaintext that is served although there is TLS, is logged, for each address and reason at most every ten minutes.
//
// A connection has one time to become one, TLS handshake and all. Those under way are limited in number: slow ones make place for others.
package serverport
