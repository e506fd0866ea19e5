package agentconfig

import (
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-uuid"

	"github.com/lictor-dr/lictor/internal/atomicfile"
)

// nodeIDFile is the name of the file in the data directory that remembers the node's ID.
const nodeIDFile = "node-id"

// SetupNodeID makes sure that NodeID is set. A configured ID stays and is not written anywhere. Otherwise the ID
// is that of the file node-id in the data directory; if there is none it is made up, at random or from the host's
// own ID, and written there with mode 0600. The data directory is created if need be. Without a data directory
// nothing is read or written.
func (c *Config) SetupNodeID() error {
	if c.NodeID != "" {
		return nil
	}
	id, err := c.readNodeID()
	if err != nil {
		return fmt.Errorf("failed to setup node ID: %w", err)
	}
	if id == "" {
		if id, err = c.makeNodeID(); err != nil {
			return fmt.Errorf("failed to setup node ID: %w", err)
		}
	}
	c.NodeID = id
	return nil
}

// readNodeID returns the ID on disk, "" if there is none.
func (c *Config) readNodeID() (string, error) {
	if c.DataDir == "" {
		return "", nil
	}
	path := filepath.Join(c.DataDir, nodeIDFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	id, err := parseNodeID(strings.TrimSpace(string(data)))
	if err != nil {
		return "", fmt.Errorf("NodeID in %s is invalid: %w", path, err)
	}
	return id, nil
}

func (c *Config) makeNodeID() (string, error) {
	id := ""
	if c.NodeIDFromHost {
		id = hostNodeID()
	}
	if id == "" {
		var err error
		if id, err = uuid.GenerateUUID(); err != nil {
			return "", fmt.Errorf("make up a random ID: %w", err)
		}
	}
	if c.DataDir == "" {
		return id, nil
	}
	return id, writeNodeID(c.DataDir, id)
}

// writeNodeID writes the file in one step, so that a crash cannot leave half an ID.
func writeNodeID(dir, id string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create the data directory: %w", err)
	}
	if err := atomicfile.WriteFile(context.Background(), filepath.Join(dir, nodeIDFile), []byte(id), nil); err != nil {
		return fmt.Errorf("write %s: %w", nodeIDFile, err)
	}
	return nil
}

// parseNodeID checks an ID and returns it in lower case.
func parseNodeID(text string) (string, error) {
	id := strings.ToLower(text)
	if _, err := uuid.ParseUUID(id); err != nil {
		return "", err
	}
	return id, nil
}

// hostIDFiles are where Linux tells the identity of a machine.
var hostIDFiles = []string{"/sys/class/dmi/id/product_uuid", "/etc/machine-id"}

// hostNodeID hashes the host's own ID, so that the node's ID survives the loss of the data directory and does not
// give the host's away. It returns "" where the host has none that can be read.
func hostNodeID() string {
	for _, path := range hostIDFiles {
		data, err := os.ReadFile(path)
		text := strings.ToLower(strings.TrimSpace(string(data)))
		if err != nil || text == "" {
			continue
		}
		sum := sha512.Sum512([]byte(text))
		if id, err := uuid.FormatUUID(sum[:16]); err == nil {
			return id
		}
	}
	return ""
}
