// Lictor guards the state of a Consul datacenter. This is its command line.
//
// The package holds flags, printing, exit codes and wiring, and nothing else.
// Names of commands, flags and environment variables, the streams written to
// and the exit codes are Consul's, so that existing scripts keep working;
// called through a link named consul, the program calls itself that.
//
// Each command is one file with a constructor that is entered in the table in
// commands.go. A command is built from a manual (its help), option groups (its
// flags) and a function that returns the exit code; see leaf.
//
// What Consul accepts and silently ignores is accepted with one warning on
// standard error. What would do harm is refused with the reason.
package main
