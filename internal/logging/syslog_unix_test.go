//go:build !windows && !plan9

package logging

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agentconfig"
)

// listenSyslog plays the daemon at a socket of its own.
func listenSyslog(t *testing.T) (address string, next func() string) {
	t.Helper()
	// The paths of sockets are short by law, and t.TempDir is long.
	dir, err := os.MkdirTemp("", "log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	address = filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return address, func() string {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("no message came: %v", err)
		}
		return string(buf[:n])
	}
}

func TestSyslogMessages(t *testing.T) {
	address, next := listenSyslog(t)
	c := newClock()
	s := c.system()
	s.dial = func(facility string) (daemon, error) { return dialSyslogAt("unixgram", address, facility) }
	logger, _ := start(t, s, agentconfig.LogConfig{Level: "TRACE", Syslog: true, SyslogFacility: "LOCAL3"})
	const local3 = 19 << 3
	tests := []struct {
		level    hclog.Level
		bracket  string
		severity int
	}{
		{hclog.Trace, "[TRACE]", 7},
		{hclog.Debug, "[DEBUG]", 7},
		{hclog.Info, "[INFO] ", 6},
		{hclog.Warn, "[WARN] ", 4},
		{hclog.Error, "[ERROR]", 3},
	}
	for _, tt := range tests {
		t.Run(tt.level.String(), func(t *testing.T) {
			logger.Named("agent").Log(tt.level, "Exit code", "code", 1)
			want := regexp.MustCompile(`^<` + strconv.Itoa(local3|tt.severity) + `>[^<>]* consul\[\d+\]: ` +
				regexp.QuoteMeta("2025-11-21T10:30:15.250Z "+tt.bracket+" agent: Exit code: code=1\n") + `$`)
			if got := next(); !want.MatchString(got) {
				t.Errorf("got %q, want %s", got, want)
			}
		})
	}
}

func TestSyslogFacilities(t *testing.T) {
	numbers := map[string]int{"KERN": 0, "USER": 1, "DAEMON": 3, "authpriv": 10, "FTP": 11, "LOCAL0": 16, "local7": 23}
	address, next := listenSyslog(t)
	for name, number := range numbers {
		if err := checkFacility(name); err != nil {
			t.Error(err)
		}
		d, err := dialSyslogAt("unixgram", address, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.send(hclog.Info, "m"); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		prefix := "<" + strconv.Itoa(number<<3|6) + ">"
		if got := next(); got[:len(prefix)] != prefix {
			t.Errorf("%s: got %q, want it to begin with %s", name, got, prefix)
		}
	}
}

func TestNoSyslogDaemon(t *testing.T) {
	if _, err := dialSyslogAt("unixgram", filepath.Join(t.TempDir(), "none"), "LOCAL0"); err == nil {
		t.Error("a connection to nothing succeeds")
	}
}
