// Package agent is the process behind `lictor agent`: it takes a configuration and runs a server with its HTTP API, until it is told
// to stop.
//
// [Open] locks the data directory and settles the node's ID; [Agent.Start] opens everything else, and [Agent.Close] closes it
// again, in the reverse order. What can be changed while the agent runs, [Agent.Reload] changes.
package agent
