// Package logging builds the logger of a long-running command: lines in Consul's format on standard output and,
// on request, in a file that is rotated and in syslog.
//
// A line of text reads
//
//	2006-01-02T15:04:05.000Z [INFO]  module: message: key=value
//
// where the module is the name a part of the program gave its logger with Named. With JSON, a line is one object
// with @level, @message, @module, @timestamp and the fields.
//
// Standard output gets every line. An output beside it that fails never stops the program, nor the other outputs:
// the failure is told once on those that still work, and so is its end. Syslog is written by a goroutine of its
// own, because a syslog daemon that hangs must not hang a server; lines it cannot take are dropped.
//
// A Monitor lets others read along while the process runs, each at a level of its own. It changes nothing of the log,
// and a reader that is slow loses lines, and is told how many, rather than hold up those who log.
//
// The package knows nothing of secrets: who logs must not hand it any.
package logging
