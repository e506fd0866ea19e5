package snapshotconfig

import "reflect"

// Reload loads the configuration again, with the flags that c was loaded with, for an agent that runs with c; c stays as it is. What
// cannot change while the agent runs keeps c's value, with a warning that names it: the mode, the connection, the election, the
// service, the cluster's name, the listener, the scratch directory and the format of logs. The rest takes effect: interval, retention,
// failures, stale, skip_unchanged, objective, bandwidth limit, log level, drills, destinations and hooks.
func (c *Config) Reload() (next *Config, warnings []string, err error) {
	next, warnings, err = Load(c.flags)
	if err != nil {
		return nil, warnings, err
	}
	if next.OneShot != c.OneShot {
		next.OneShot, next.Interval, next.Listen, next.ListenConfigured = c.OneShot, c.Interval, c.Listen, c.ListenConfigured
		warnings = append(warnings, needsRestart("snapshot.interval, between daemon and one-shot mode,"))
	}
	running, fresh := c.fixed(), next.fixed()
	for i, f := range fresh {
		now, was := reflect.ValueOf(f.value).Elem(), reflect.ValueOf(running[i].value).Elem()
		if now.Equal(was) {
			continue
		}
		now.Set(was)
		warnings = append(warnings, needsRestart(f.name))
	}
	return next, warnings, nil
}

func needsRestart(name string) string {
	return name + " has changed, which takes effect only when the agent is started again"
}

// setting is a part of Config.
type setting struct {
	name  string
	value any // a pointer to the field
}

// fixed are the settings that a running agent keeps.
func (c *Config) fixed() []setting {
	return []setting{
		{"http_addr", &c.Connection.Address},
		{"token", &c.Connection.Token},
		{"token_file", &c.Connection.TokenFile},
		{"datacenter", &c.Connection.Datacenter},
		{"ca_file", &c.Connection.CAFile},
		{"ca_path", &c.Connection.CAPath},
		{"cert_file", &c.Connection.CertFile},
		{"key_file", &c.Connection.KeyFile},
		{"tls_server_name", &c.Connection.TLSServerName},
		{"snapshot.lock_key", &c.LockKey},
		{"snapshot.service", &c.Service},
		{"snapshot.deregister_after", &c.DeregisterAfter},
		{"snapshot.local_scratch_path", &c.ScratchDir},
		{"cluster", &c.Cluster},
		{"listen", &c.Listen},
		{"listen", &c.ListenConfigured},
		{"log.json", &c.LogJSON},
	}
}
