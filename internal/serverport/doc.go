// Package serverport is the port that servers talk to each other on ("server" in the configuration's ports, 8300 by default). It carries
// Raft's messages, and other agents' requests as HTTP/2; the first byte of a connection says which. The numbers are Lictor's own: Lictor and Consul never share a cluster.
package serverport
