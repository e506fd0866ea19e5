package agentconfig

import (
	"errors"
	"fmt"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals and full stops included.

const deploymentTable = "https://developer.hashicorp.com/docs/internals/consensus.html#deployment-table"

// setRole reads whether the agent is a server, and how a server without state becomes part of a cluster: by itself, with others that wait
// for each other, or taken in by a leader.
func setRole(s *settings, c *Config) error {
	c.Server, c.Bootstrap = s.boolean("server"), s.boolean("bootstrap")
	c.BootstrapExpect = s.integer("bootstrap_expect")
	if err := checkRole(s, c); err != nil {
		return err
	}
	warnRole(s, c)
	c.Bootstrap = c.Bootstrap || c.BootstrapExpect == 1
	return nil
}

// checkRole finds contradictions in the role, in Consul's words.
func checkRole(s *settings, c *Config) error {
	switch expect := c.BootstrapExpect; {
	case expect < 0:
		return fmt.Errorf("bootstrap_expect cannot be %d. Must be greater than or equal to zero", expect)
	case expect > 0 && s.dev:
		return errors.New("'bootstrap_expect > 0' not allowed in dev mode")
	case c.Bootstrap && !c.Server:
		return errors.New("'bootstrap = true' requires 'server = true'")
	case expect > 0 && !c.Server:
		return errors.New("'bootstrap_expect > 0' requires 'server = true'")
	case expect > 0 && c.Bootstrap:
		return errors.New("'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive")
	case c.Server && s.isSet("advertise_reconnect_timeout"):
		return errors.New("advertise_reconnect_timeout can only be used on a client")
	case c.Server && s.boolean("auto_encrypt.tls"):
		return errors.New("auto_encrypt.tls can only be used on a client.")
	case !c.Server && s.boolean("auto_encrypt.allow_tls"):
		return errors.New("auto_encrypt.allow_tls can only be used on a server.")
	}
	return nil
}

func warnRole(s *settings, c *Config) {
	expect := c.BootstrapExpect
	switch {
	case expect == 1:
		s.warn("BootstrapExpect is set to 1; this is the same as Bootstrap mode.")
	case expect == 2:
		s.warn("bootstrap_expect = 2: A cluster with 2 servers will provide no failure tolerance. See " + deploymentTable)
	case expect > 2 && expect%2 == 0:
		s.warn("bootstrap_expect is even number: A cluster with an even number of servers does not achieve optimum fault tolerance. See " + deploymentTable)
	}
	if expect > 1 {
		s.warn(fmt.Sprintf("bootstrap_expect > 0: expecting %d servers", expect))
	} else if expect == 1 || c.Bootstrap {
		s.warn("bootstrap = true: do not enable unless necessary")
	}
}
