// Package agent is the process behind `lictor agent`: it takes a configuration and runs a server, or a client of servers, with its HTTP
// API, until it is told to stop or to leave.
//
// Every agent is a member of the gossip pool of its datacenter, and servers of the one of all datacenters (pool.go). Servers have a port
// for each other and for clients' requests (port.go). A client agent keeps its own services, checks and tokens, and nothing of the
// replicated state: it asks servers, about tokens too. Servers send what is for another datacenter to one of its servers (datacenters.go), and
// take over the ACLs of the primary one (acl_replication.go). What is said over the ports is TLS as far as the configuration says (tls.go).
//
// The leader of a new cluster gets the backup that it is to begin with, out of a store, from here (firststate.go).
//
// [Open] locks the data directory and settles the node's ID; [Agent.Start] opens everything else, and [Agent.Close] closes it
// again, in the reverse order. What can be changed while the agent runs, [Agent.Reload] changes; [Agent.Reread] reads the configuration
// again before, for a signal, a client, or a change of the files under auto_reload_config. [Agent.Leaving] tells that a client wants the
// agent to leave; [Agent.Depart] makes it leave, after which it is closed.
package agent
