// Package gossip is an agent's membership in the pool of its datacenter, or a server's in that of the servers of all datacenters: who else is
// there, alive or not, and what each is; user events; network coordinates; the keys of the gossip. It runs on hashicorp/serf.
//
// Lictor and Consul never share a pool. A member's role says what it is: [roleServer] and [roleClient] are Lictor's, and members with
// any other role are refused. (The API shows the roles that Consul's clients look for.)
package gossip
