//go:build !windows && !plan9

package logging

import (
	"log/syslog"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// dialSyslog connects to the local syslog daemon.
func dialSyslog(facility string) (daemon, error) {
	return dialSyslogAt("", "", facility)
}

// dialSyslogAt connects to the daemon at a socket; an empty network stands for the local one.
func dialSyslogAt(network, address, facility string) (daemon, error) {
	number := slices.Index(facilities, strings.ToUpper(facility))
	w, err := syslog.Dial(network, address, syslog.Priority(number<<3), syslogTag)
	if err != nil {
		return nil, err
	}
	return unixDaemon{w}, nil
}

// unixDaemon is a daemon behind the standard library's client, which connects again by itself.
type unixDaemon struct{ *syslog.Writer }

func (d unixDaemon) send(level hclog.Level, message string) error {
	switch level {
	case hclog.Trace, hclog.Debug:
		return d.Debug(message)
	case hclog.Warn:
		return d.Warning(message)
	case hclog.Error:
		return d.Err(message)
	}
	return d.Info(message)
}
