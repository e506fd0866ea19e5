package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/restore"
	"github.com/lictor-dr/lictor/internal/snapshotconfig"
)

// guard plans the safety snapshot; nil if there is to be none.
func (c *snapshotRestore) guard(r *restoring) (*restore.Guard, error) {
	if c.noSafety || c.safetyFile == "" && r.from == nil {
		return nil, nil
	}
	to, err := c.safetyRecipients(r.from)
	if err != nil {
		return nil, err
	}
	g := &restore.Guard{
		From: &backup.Cluster{Client: r.target.Client}, To: to, Datacenter: r.target.Config.Datacenter,
		Depot: &restore.FileDepot{Path: c.safetyFile, Warn: func(err error) { c.note("%s", err) }},
	}
	switch file := g.Depot.Location(g.Name("")); {
	case c.safetyFile == "":
		g.Depot = &restore.StoreDepot{Store: r.from.Source.Store}
	case to != nil && !strings.HasSuffix(file, ageExtension):
		c.note("the safety snapshot is encrypted, and %s does not end in .age: Lictor reads it all the same, "+
			"other tools may not see why they cannot", file)
	}
	return g, nil
}

// safetyRecipients are whom the safety snapshot is encrypted for; nil if it is not. What is encrypted in a store must not lie there in the
// clear beside itself.
func (c *snapshotRestore) safetyRecipients(from *restore.Fetched) (*encryption.Recipients, error) {
	if c.recipientFlags.given() || c.safetyFile != "" {
		return c.recipientFlags.open()
	}
	if c.configured != nil {
		to, err := c.configuredRecipients(&c.configured.Encryption)
		if to != nil || err != nil {
			return to, err
		}
	}
	if !from.Encrypted {
		return nil, nil
	}
	keys, err := c.keys(c.program)
	if err != nil {
		return nil, err
	}
	to, err := keys.Recipients(restore.Recipients(from.Source.Backup))
	if err == nil {
		return to, nil
	}
	if c.passphraseFile != "" {
		return c.passphrase(c.passphraseFile)
	}
	return nil, &restore.HintError{
		Err: fmt.Errorf("the backup is encrypted, and whom to encrypt the safety snapshot for is not known: %w", err),
		Hints: []string{
			"name public keys with -recipient or -recipients-file, keep it in plain in a file of this machine with -safety-file=FILE, " +
				"or do without it with -no-safety",
			"nothing was sent to the cluster",
		},
	}
}

// configuredRecipients are those of the snapshot agent's configuration; nil if it does not encrypt.
func (c *snapshotRestore) configuredRecipients(e *snapshotconfig.Encryption) (*encryption.Recipients, error) {
	switch {
	case len(e.Recipients) > 0:
		return encryption.ParseRecipients(e.Recipients)
	case e.PassphraseFile == "":
		return nil, nil
	}
	return c.passphrase(e.PassphraseFile)
}

func (c *snapshotRestore) passphrase(path string) (*encryption.Recipients, error) {
	secret, warning, err := encryption.ReadPassphrase(path)
	if err != nil {
		return nil, err
	}
	warnOf(c.program, warning)
	return encryption.Passphrase(secret)
}

// safetyResult is the safety snapshot as JSON.
type safetyResult struct {
	Empty      bool   // the target held nothing that is worth one: there is none
	Location   string `json:",omitempty"`
	Index      uint64
	Bytes      int64    `json:",omitempty"`
	SHA256     string   `json:",omitempty"`
	Encrypted  bool     `json:",omitempty"`
	Recipients []string `json:",omitempty"`
	Restore    string   `json:",omitempty"` // the command that brings it back
}

func (c *snapshotRestore) safetyOf(s *restore.Safety, r *restoring) *safetyResult {
	if s == nil {
		return nil
	}
	out := &safetyResult{
		Empty: s.Empty, Location: s.Location, Index: s.Index, Bytes: s.Bytes, SHA256: s.SHA256, Encrypted: s.Encrypted, Recipients: s.Recipients,
	}
	if !s.Empty {
		out.Restore = c.wayBack(s, r)
	}
	return out
}

// wayBack is the command that restores a safety snapshot.
func (c *snapshotRestore) wayBack(s *restore.Safety, r *restoring) string {
	parts := []string{c.name, "snapshot", "restore"}
	if s.Encrypted {
		switch {
		case len(s.Recipients) == 0:
			parts = append(parts, "-passphrase-file=FILE")
		default:
			parts = append(parts, "-identity=FILE")
		}
	}
	if c.safetyFile == "" && blobstore.Directory(r.from.Source.Store) == "" {
		return strings.Join(append(parts, c.storeArgument(), s.Name), " ")
	}
	return strings.Join(append(parts, shellWord(s.Location)), " ")
}

// kept says where the safety snapshot is, before anything is sent.
func (c *snapshotRestore) kept(s *restore.Safety) {
	for _, warning := range s.Warnings {
		c.note("safety snapshot: %s", warning)
	}
	switch {
	case s.Empty:
		c.tell("No safety snapshot: the target holds nothing but what a new cluster writes by itself")
	case s.Encrypted:
		c.tell("Safety snapshot of the target, index %d, encrypted for %s: %s", s.Index,
			encryption.Describe(s.Recipients, len(s.Recipients) == 0), s.Location)
	default:
		c.tell("Safety snapshot of the target, index %d: %s", s.Index, s.Location)
	}
}

// explainSafety adds what to do about a safety snapshot that could not be made.
func explainSafety(ctx context.Context, err error) error {
	if !errors.Is(err, restore.ErrSafety) {
		return err
	}
	hints := []string{"nothing was restored: the target is as it was"}
	switch {
	case ctx.Err() != nil:
	case restore.NoLeader(err):
		hints = append(hints, "without a leader the target cannot be saved, nor restored; once it has one, "+
			"-no-safety restores without saving it first")
	case restore.Denied(err):
		hints = append(hints, "the token needs acl:write, to save as well as to restore")
	case errors.Is(err, restore.ErrTarget):
		hints = append(hints, "-no-safety restores without saving the target first")
	default:
		hints = append(hints, "-safety-file=FILE puts it elsewhere; -no-safety restores without it")
	}
	return &restore.HintError{Err: err, Hints: hints}
}
