package agentconfig

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// JoinConfig says how the agent gets into a pool and out of it.
type JoinConfig struct {
	// RetryJoin are the agents to join until one is reached: host names or IP addresses, each with or without a port, and searches in a
	// cloud, "provider=NAME key=value …", with one of the names aws, azure, gce and mdns and the rest as the operator wrote it. The
	// latter may hold secrets.
	RetryJoin []string
	// RetryInterval is the time between attempts; positive.
	RetryInterval time.Duration
	// RetryMaxAttempts is how many attempts end the agent if all fail; 0 is for ever.
	RetryMaxAttempts int
	// RetryJoinWAN, RetryIntervalWAN and RetryMaxAttemptsWAN are the same for the servers of other datacenters.
	RetryJoinWAN        []string
	RetryIntervalWAN    time.Duration
	RetryMaxAttemptsWAN int
	// RejoinAfterLeave makes an agent that had left look for its old pool at the next start.
	RejoinAfterLeave bool
	// ServerRejoinAgeMax is how long a server may have been away and still start with its old state; at least 6 hours.
	ServerRejoinAgeMax time.Duration
	// ReconnectTimeout is how long a failed member is remembered; positive.
	ReconnectTimeout time.Duration
	// ReconnectTimeoutWAN is how long a failed server is remembered between datacenters; positive.
	ReconnectTimeoutWAN time.Duration
	// AdvertiseReconnectTimeout, when not 0, is how long others are to remember this client agent after it failed; 0 on servers.
	AdvertiseReconnectTimeout time.Duration

	// LeaveOnTerminate makes SIGTERM leave gracefully instead of just stopping. It is the default of client agents.
	LeaveOnTerminate bool
	// SkipLeaveOnInterrupt makes SIGINT stop without a graceful leave. It is the default of servers.
	SkipLeaveOnInterrupt bool
	// LeaveDrainTime is how long an agent that has left goes on to answer requests.
	LeaveDrainTime time.Duration
}

// setJoin reads how to join and to leave. The role is known by now.
func setJoin(s *settings, c *Config) error {
	var err error
	c.JoinConfig = JoinConfig{
		RetryInterval:             s.duration("retry_interval"),
		RetryMaxAttempts:          s.integer("retry_max"),
		RetryIntervalWAN:          s.duration("retry_interval_wan"),
		RetryMaxAttemptsWAN:       s.integer("retry_max_wan"),
		ReconnectTimeoutWAN:       s.duration("reconnect_timeout_wan"),
		RejoinAfterLeave:          s.boolean("rejoin_after_leave"),
		ServerRejoinAgeMax:        s.duration("server_rejoin_age_max"),
		ReconnectTimeout:          s.duration("reconnect_timeout"),
		AdvertiseReconnectTimeout: s.duration("advertise_reconnect_timeout"),
		LeaveOnTerminate:          !c.Server,
		SkipLeaveOnInterrupt:      c.Server,
		LeaveDrainTime:            s.duration("performance.leave_drain_time"),
	}
	if s.isSet("leave_on_terminate") {
		c.LeaveOnTerminate = s.boolean("leave_on_terminate")
	}
	if s.isSet("skip_leave_on_interrupt") {
		c.SkipLeaveOnInterrupt = s.boolean("skip_leave_on_interrupt")
	}
	if c.RetryJoin, err = joinAddresses("retry_join", s.list("retry_join")); err != nil {
		return err
	}
	c.RetryJoinWAN, err = joinAddresses("retry_join_wan", s.list("retry_join_wan"))
	if len(c.RetryJoinWAN) > 0 && !c.SerfWAN.IsValid() {
		s.warn("retry_join_wan has no effect: this agent is in no WAN pool, which takes a server and ports.serf_wan")
		c.RetryJoinWAN = nil
	}
	return err
}

// joinAddresses evaluates the templates among the entries of retry_join, each of which may yield several addresses, and checks the names
// of cloud providers. No error shows more of an entry than such a name: there may be secrets in it.
func joinAddresses(key string, entries []string) ([]string, error) {
	var all []string
	for _, entry := range entries {
		if isCloud(entry) {
			if err := checkProvider(key, entry); err != nil {
				return nil, err
			}
			all = append(all, entry)
			continue
		}
		addrs, err := expand(key, entry)
		if err != nil {
			return nil, err
		}
		for _, a := range addrs {
			if strings.Contains(a, "=") {
				return nil, errors.New(key + ": an address template must yield addresses, not a search in a cloud")
			}
		}
		all = append(all, addrs...)
	}
	return all, nil
}

// isCloud tells a search in a cloud from an address, which has no equals sign unless in a template.
func isCloud(entry string) bool {
	before, _, _ := strings.Cut(entry, "{{")
	return strings.Contains(before, "=")
}

// providers are the clouds, and the like, in which agents can be searched for.
var providers = []string{"aws", "azure", "gce", "mdns"}

// plainName is what a provider's name looks like. Anything else may be a secret that got there by mistake.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

func checkProvider(key, entry string) error {
	served := "the providers are " + strings.Join(providers, ", ")
	name := providerOf(entry)
	switch {
	case slices.Contains(providers, name):
		return nil
	case name == "":
		return fmt.Errorf("%s: cloud auto-join needs provider=NAME: %s", key, served)
	case !plainName.MatchString(name):
		return fmt.Errorf("%s: cloud auto-join with this provider is not served: %s", key, served)
	}
	return fmt.Errorf("%s: cloud auto-join with provider %q is not served: %s", key, name, served)
}

// pair is one key=value of a search: both may be in double quotes, with spaces around the equals sign.
var pair = regexp.MustCompile(`^\s*("(?:[^"\\]|\\.)*"|[^\s="]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s="]+)?`)

// providerOf returns the value of the key provider, "" if there is none.
func providerOf(entry string) string {
	for {
		m := pair.FindStringSubmatch(entry)
		if m == nil {
			return ""
		}
		if strings.Trim(m[1], `"`) == "provider" {
			return strings.Trim(m[2], `"`)
		}
		entry = entry[len(m[0]):]
	}
}
