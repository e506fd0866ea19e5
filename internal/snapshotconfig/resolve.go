package snapshotconfig

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

func (s *settings) setSnapshot(c *Config) {
	c.Interval = s.span("snapshot.interval")
	c.OneShot = c.Interval == 0
	c.Retain, c.Keep = s.retention()
	c.MaxShrink = s.set.integer("snapshot.max_shrink")
	c.MaxFailures = s.atLeast(s.set, "snapshot.max_failures", 0)
	c.Stale = s.set.boolean("snapshot.stale")
	c.SkipUnchanged = s.set.boolean("snapshot.skip_unchanged")
	c.LockKey = s.set.str("snapshot.lock_key")
	if strings.HasPrefix(c.LockKey, "/") {
		s.fault("%s must not begin with a slash: Consul's keys do not", s.set.name("snapshot.lock_key"))
	}
	c.ScratchDir = s.scratchDir()
}

// scratchDir is the configured directory, which must be there, else the system's.
func (s *settings) scratchDir() string {
	const path = "snapshot.local_scratch_path"
	dir := s.set.str(path)
	if dir == "" {
		return os.TempDir()
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		s.fault("%s: %v; make the directory first", s.set.name(path), err)
	case !info.IsDir():
		s.fault("%s: %s is not a directory", s.set.name(path), dir)
	}
	return dir
}

// span returns a duration that must not be negative.
func (s *settings) span(path string) time.Duration {
	d := s.set.duration(path)
	if d < 0 {
		s.fault("%s must not be negative: %s", s.set.name(path), d)
	}
	return d
}

func (s *settings) setAgent(c *Config) {
	c.Service = s.set.str("snapshot.service")
	c.DeregisterAfter = s.span("snapshot.deregister_after")
	if d := c.DeregisterAfter; d > 0 && d < time.Minute {
		s.warn("%s: Consul removes no service before it has been critical for a minute, whatever is set below that",
			s.set.name("snapshot.deregister_after"))
	}
	c.LogLevel = s.logLevel()
	c.LogJSON = s.set.boolean("log.json")
	c.Cluster = s.clusterName()
	c.Listen, c.ListenConfigured = s.listen(c.OneShot), s.set.inUse("listen")
}

// logLevels are the levels there are. ERR is an old name of ERROR.
var logLevels = []string{"TRACE", "DEBUG", "INFO", "WARN", "ERR", "ERROR"}

func (s *settings) logLevel() string {
	const path = "log.level"
	level := strings.ToUpper(s.set.str(path))
	if !slices.Contains(logLevels, level) {
		s.fault("%s: Invalid log level: %s. Valid log levels are: %v", s.set.name(path), s.set.str(path), logLevels)
	}
	if level == "ERR" {
		return "ERROR"
	}
	return level
}

// clusterName is a name that fits on a line.
func (s *settings) clusterName() string {
	name := s.set.str("cluster")
	if strings.ContainsFunc(name, unicode.IsControl) || strings.TrimSpace(name) != name || len(name) > 128 {
		s.fault("%s must be at most 128 bytes without control characters or white space around it", s.set.name("cluster"))
	}
	return name
}

func (s *settings) listen(oneShot bool) string {
	const path = "listen"
	addr := s.set.str(path)
	if strings.EqualFold(addr, "off") {
		return ""
	}
	_, port, err := net.SplitHostPort(addr)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || (n == 0 && port != "0") {
		s.fault("%s must be host:port or off, not %q", s.set.name(path), addr)
	}
	if oneShot {
		if s.set.inUse(path) {
			s.warn("%s has no effect in one-shot mode", s.set.name(path))
		}
		return ""
	}
	return addr
}

func (s *settings) setConnection(c *Config) {
	c.Connection = Connection{
		Address:       s.set.str("http_addr"),
		Token:         s.set.secret("token"),
		TokenFile:     s.set.str("token_file"),
		Datacenter:    s.set.str("datacenter"),
		CAFile:        s.set.str("ca_file"),
		CAPath:        s.set.str("ca_path"),
		CertFile:      s.set.str("cert_file"),
		KeyFile:       s.set.str("key_file"),
		TLSServerName: s.set.str("tls_server_name"),
	}
	if addr := c.Connection.Address; !strings.HasPrefix(addr, "unix://") && strings.Contains(addr, "@") { // errors would show them
		s.fault("%s must not hold credentials: CONSUL_HTTP_AUTH takes user:password", s.set.name("http_addr"))
	}
	// A token file wins over a token, but a flag over a configuration file.
	flagged := func(path string) bool { return strings.HasPrefix(s.set[path].from, "-") }
	switch conn := &c.Connection; {
	case conn.TokenFile == "" || conn.Token == "":
	case flagged("token") && !flagged("token_file"):
		conn.TokenFile = ""
	default:
		conn.Token = ""
	}
}

// leastBandwidth is the lowest limit that is accepted, in bytes a second: below it connections look as if they hung.
const leastBandwidth = 16 << 10

// setPressure reads the objective and what backups may take. An objective that is missed between any two backups is refused.
func (s *settings) setPressure(c *Config) {
	const rpo, limit = "snapshot.rpo", "snapshot.bandwidth_limit"
	c.RPO = s.span(rpo)
	between := c.Interval * time.Duration(max(c.Drill.Every, 1))
	switch {
	case c.RPO == 0:
	case c.OneShot:
		s.warn("%s has no effect in one-shot mode: ask lictor snapshot status for it, with -rpo", s.set.name(rpo))
		c.RPO = 0
	case c.RPO <= between:
		s.fault("%s: %s cannot be kept with a proven backup every %s: make it longer, or the interval shorter", s.set.name(rpo), c.RPO, between)
	}
	c.BandwidthLimit = s.set.size(limit)
	if c.BandwidthLimit > 0 && c.BandwidthLimit < leastBandwidth {
		s.fault("%s must be at least %dKB/s", s.set.name(limit), leastBandwidth>>10)
	}
}

func (s *settings) setDrill(c *Config) {
	c.Drill = Drill{Memory: s.set.size("drill.memory"), Every: s.atLeast(s.set, "drill.every", 1)}
	const path = "drill.consul_binary"
	name := s.set.str(path)
	if name == "" {
		return
	}
	found, err := exec.LookPath(name)
	if err == nil {
		found, err = filepath.Abs(found)
	}
	if err != nil {
		s.fault("%s: %v", s.set.name(path), fmt.Errorf("no consul binary: %w", err))
	}
	c.Drill.ConsulBinary = found
}
