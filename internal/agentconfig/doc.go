// Package agentconfig reads the configuration of `lictor agent`: command-line flags, HCL and JSON files,
// defaults and the -dev presets. Names, formats, order and messages are Consul's own, so that files written for
// a Consul server keep working.
//
// ParseFlags reads the command line, Load merges all sources, checks them and returns a Config that is complete:
// addresses are resolved, durations parsed, defaults filled in. Load reads files and looks at the network
// interfaces, but writes nothing; SetupNodeID is the one function that may write (the file node-id).
//
// Every known key has exactly one fate, and a test holds the tables to that:
//
//   - it is served: its value ends up in Config;
//   - it is not served yet (table notServed): accepted with a type check and one warning;
//   - it protects data or access and is not served yet (table protected): Load refuses, because an agent must
//     not run with less protection than it was asked for;
//   - it is an old name (table aliases) or an Enterprise key (table enterprise): a warning;
//   - it is without effect on anything (table silent).
//
// A key that is in none of them is an error. Values of secret keys never appear in an error or a warning.
package agentconfig
