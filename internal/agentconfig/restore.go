package agentconfig

import (
	"errors"
	"fmt"
	"strings"
)

// RestoreConfig says which backup a new cluster begins with.
type RestoreConfig struct {
	// From is where backups are kept, a directory or a URL; empty if a new cluster begins with nothing.
	From string
	// Backup is the ID of one, or "latest".
	Backup string
	// Cluster is the name of the cluster whose backups are meant, where a store has those of several.
	Cluster string
	// IdentityFiles and PassphraseFile are what decrypts it, if it is encrypted.
	IdentityFiles  []string
	PassphraseFile string
}

// setRestore reads what a new cluster begins with. The role, and how to join, are known by now.
func setRestore(s *settings, c *Config) error {
	c.Restore = RestoreConfig{
		From: s.str("restore_from"), Backup: s.str("restore_backup"), Cluster: s.str("restore_cluster"),
		IdentityFiles: s.list("restore_identity_files"), PassphraseFile: s.str("restore_passphrase_file"),
	}
	if c.Restore.From == "" {
		for _, key := range []string{"restore_backup", "restore_cluster", "restore_identity_files", "restore_passphrase_file"} {
			if s.isSet(key) {
				return fmt.Errorf("%s says nothing without restore_from, the store of the backups", key)
			}
		}
		return nil
	}
	switch {
	case !c.Server:
		return errors.New("restore_from requires 'server = true': a client agent holds no state")
	case c.Bootstrap && len(c.RetryJoin) > 0:
		return errors.New("restore_from with bootstrap mode and retry_join: a server that is a cluster of its own cannot know whether those " +
			"that it is to join have a state already. Use bootstrap_expect with the number of servers")
	case strings.TrimSpace(c.Restore.Backup) == "":
		return errors.New(`restore_backup must be the ID of a backup, or "latest"`)
	}
	return nil
}
