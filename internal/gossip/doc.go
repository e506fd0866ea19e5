// Package gossip is an agent's membership in the pool of its datacenter: who else is there, alive or not, and what each is. It runs on
// hashicorp/serf.
//
// Lictor and Consul never share a pool. A member's role says what it is: [roleServer] and [roleClient] are Lictor's, and members with
// any other role are refused. (The API shows the roles that Consul's clients look for.)
package gossip
