//go:build windows || plan9

package logging

// dialSyslog refuses: there is no syslog to connect to.
func dialSyslog(string) (daemon, error) {
	return nil, errNoSyslog
}
