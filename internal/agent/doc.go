// Package agent is the process behind `lictor agent`: it takes a configuration and runs a server with its HTTP API, until it is told
// to stop.
//
// [Open] locks the data directory and settles the node's ID; [Agent.Start] opens everything else, and [Agent.Close] closes it
// again, in the reverse order. What can be changed while the agent runs, [Agent.Reload] changes; [Agent.Reread] reads the configuration
// again before, for a signal, a client, or a change of the files under auto_reload_config. [Agent.Leaving] tells that a client wants the
// agent to end.
package agent
