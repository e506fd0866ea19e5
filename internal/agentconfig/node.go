package agentconfig

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/lictor-dr/lictor/internal/definition"
)

//lint:file-ignore ST1005 some texts are Consul's own, capitals and full stops included.

// setNode checks the node's name, ID, metadata and data directory.
func setNode(s *settings, c *Config) error {
	if err := setNodeName(s, c); err != nil {
		return err
	}
	if err := definition.CheckMeta(s.mapping("node_meta")); err != nil {
		return fmt.Errorf("node_meta invalid: %w", err)
	}
	c.NodeMeta = s.mapping("node_meta")
	c.NodeIDFromHost = !s.boolean("disable_host_node_id")
	if id := s.str("node_id"); id != "" {
		var err error
		if c.NodeID, err = parseNodeID(id); err != nil {
			return fmt.Errorf("failed to setup node ID: specified NodeID is invalid: %w", err)
		}
	}
	c.DataDir = s.str("data_dir")
	if c.DataDir == "" && !s.dev {
		return errors.New("data_dir cannot be empty")
	}
	if info, err := os.Stat(c.DataDir); c.DataDir != "" && err == nil && !info.IsDir() {
		return fmt.Errorf("data_dir %q is not a directory", c.DataDir)
	}
	return nil
}

func setNodeName(s *settings, c *Config) error {
	c.NodeName = strings.TrimSpace(s.str("node_name"))
	if !s.isSet("node_name") {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("ask for the host's name, as node_name is not set: %w", err)
		}
		c.NodeName = host
	}
	switch {
	case c.NodeName == "":
		return errors.New("node_name cannot be empty")
	case !dnsName.MatchString(c.NodeName):
		s.warn(fmt.Sprintf("Node name %q will not be discoverable via DNS due to invalid characters. "+
			"Valid characters include all alpha-numerics and dashes.", c.NodeName))
	case len(c.NodeName) > 63:
		s.warn(fmt.Sprintf("Node name %q will not be discoverable via DNS due to it being too long. "+
			"Valid lengths are between 1 and 63 bytes.", c.NodeName))
	}
	return nil
}
