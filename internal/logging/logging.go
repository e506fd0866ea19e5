package logging

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/lictor-dr/lictor/internal/agentconfig"
)

// How often and how long apart syslog is tried before New gives up.
const (
	syslogTries = 12
	syslogPause = 5 * time.Second
)

// New returns a logger without a name that writes to stdout, and to a file and to syslog if cfg asks for them.
// Loggers made from it with Named share its level: SetLevel on any of them sets it for all.
//
// New fails if the file cannot be opened, and if syslog does not answer twelve times five seconds apart; it blocks
// for that time, and says on stdout that it is waiting. After a failure nothing is left open.
//
// The closer writes what syslog has yet to get, waiting a second at most, and closes the file and syslog. The
// logger stays usable and writes to stdout only.
func New(cfg agentconfig.LogConfig, stdout io.Writer) (hclog.InterceptLogger, io.Closer, error) {
	return system{now: time.Now, sleep: time.Sleep, dial: dialSyslog}.open(cfg, stdout)
}

// Level returns the level that goes by a name of log_level, in any case: trace, debug, info, warn, err or error.
func Level(name string) (hclog.Level, error) {
	switch level := strings.ToLower(name); level {
	case "err":
		return hclog.Error, nil
	case "trace", "debug", "info", "warn", "error":
		return hclog.LevelFromString(level), nil
	}
	return hclog.NoLevel, fmt.Errorf("unknown log level %q: use trace, debug, info, warn or error", name)
}

// system is what New needs of its surroundings.
type system struct {
	now   func() time.Time
	sleep func(time.Duration)
	dial  func(facility string) (daemon, error)
}

func (s system) open(cfg agentconfig.LogConfig, stdout io.Writer) (hclog.InterceptLogger, io.Closer, error) {
	level, err := Level(cfg.Level)
	if err != nil {
		return nil, nil, err
	}
	opts := hclog.LoggerOptions{Level: level, JSONFormat: cfg.JSON, TimeFn: s.now}
	outputs := newTee(stdout, opts)
	opts.Output = outputs
	logger := hclog.NewInterceptLogger(&opts)
	if cfg.File != "" {
		f, err := openFile(cfg, s.now)
		if err != nil {
			return nil, nil, err
		}
		outputs.add("log_file", f)
	}
	if cfg.Syslog {
		d, err := s.dialPatiently(cfg.SyslogFacility, logger)
		if err != nil {
			_ = outputs.Close() // the first error is the one to tell
			return nil, nil, err
		}
		outputs.add("syslog", newQueue(d, queueLength, closeWait))
	}
	return logger, outputs, nil
}

// dialPatiently tries syslog until it answers: at boot, its daemon may come up after the agent.
func (s system) dialPatiently(facility string, logger hclog.Logger) (daemon, error) {
	if err := checkFacility(facility); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		d, err := s.dial(facility)
		if err == nil {
			return d, nil
		}
		if errors.Is(err, errNoSyslog) {
			return nil, err
		}
		if try == syslogTries {
			return nil, fmt.Errorf("connect to syslog, tried %d times: %w: start the syslog daemon, or set enable_syslog = false",
				syslogTries, err)
		}
		logger.Warn("syslog does not answer, will retry", "retry_interval", syslogPause, "error", err)
		s.sleep(syslogPause)
	}
}
