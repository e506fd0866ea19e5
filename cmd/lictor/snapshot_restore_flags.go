package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lictor-dr/lictor/internal/backup"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/restore"
	"github.com/lictor-dr/lictor/internal/retrieval"
)

// safetyFlags say where the target's state goes before it is replaced.
type safetyFlags struct {
	safetyFile string
	noSafety   bool
	recipientFlags
}

func (f *safetyFlags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.safetyFile, "safety-file", "", "Where the target's state is saved before it is replaced: a `file`, which must not exist, "+
		"or a directory. It is not encrypted there, unless a recipient is named. The default is beside the backup, with a store, and none "+
		"with FILE.")
	fs.BoolVar(&f.noSafety, "no-safety", false, "Replace the target's state without saving it first.")
	f.recipientFlags.define(fs)
}

// checkFlags refuses what contradicts itself.
func (c *snapshotRestore) checkFlags(args []string) error {
	check := c.checkFile
	if c.storeFlags.given() {
		check = func() error { return c.checkStore(args) }
	}
	checks := []func() error{check, c.checkSafety, c.checkCompare}
	if c.selectiveFlags.given() {
		checks = []func() error{check, c.checkSelective}
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkFile is about flags that mean nothing for a file.
func (c *snapshotRestore) checkFile() error {
	switch {
	case !c.at.IsZero():
		return errors.New("-at chooses a backup of a store: name that with -store or -config-file")
	case c.cluster != "":
		return errors.New("-cluster chooses backups of a store: name that with -store or -config-file")
	case c.recipientFlags.given() && c.safetyFile == "":
		return errors.New("-recipient encrypts the safety snapshot, and with FILE there is one with -safety-file only")
	}
	return nil
}

// checkStore is about what names a backup in a store.
func (c *snapshotRestore) checkStore(args []string) error {
	switch {
	case len(args) > 1:
		return fmt.Errorf("Too many arguments (expected 1, got %d)", len(args))
	case len(args) == 1 && !c.at.IsZero():
		return fmt.Errorf("-at and %s are two ways to choose a backup: use one of them", args[0])
	case len(args) == 0 && c.at.IsZero():
		return errors.New("it is not said which backup: give latest, an ID, or -at=TIME; `snapshot list` shows what there is")
	case isFile(c.store):
		return fmt.Errorf("-store=%s is a file, and a store is a directory or a URL; a file is restored without -store", c.store)
	case len(args) == 0:
		return nil
	}
	switch which := args[0]; {
	case which == retrieval.Latest, !inventory.IDTime(which).IsZero(), retrieval.IsSafetyName(which), isOldName(which):
		return nil
	case isFile(which) || which == "-":
		return fmt.Errorf("%s is a file, and with a store a backup is named by its ID: leave -store away, or give latest, an ID, or -at=TIME",
			which)
	}
	return fmt.Errorf("%q is no ID of a backup: give latest, an ID, or -at=TIME; `snapshot list` shows what there is", args[0])
}

func isFile(path string) bool {
	if path == "" || strings.Contains(path, "://") {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

func (c *snapshotRestore) checkSafety() error {
	switch {
	case c.noSafety && c.safetyFile != "":
		return errors.New("-safety-file and -no-safety contradict each other: use one of them")
	case c.noSafety && c.recipientFlags.given():
		return errors.New("-recipient encrypts the safety snapshot, and -no-safety makes none: use one of them")
	case c.safetyFile == "-":
		return errors.New("-safety-file=- would be gone with the pipe that reads it: name a file")
	}
	return nil
}

// comparing tells whether the target is to be compared.
func (c *snapshotRestore) comparing() bool {
	if c.compare != nil {
		return *c.compare
	}
	return c.storeFlags.given()
}

// checkCompare also reads the token for the comparison: what cannot be read must not turn out to be so after the restore.
func (c *snapshotRestore) checkCompare() error {
	given := c.tokenAfter != "" || c.tokenAfterFile != ""
	switch {
	case given && !c.comparing():
		return errors.New("-token-after is for the comparison, and there is none: ask for it with -compare")
	case c.tokenAfter != "" && c.tokenAfterFile != "":
		return errors.New("-token-after and -token-after-file are two ways to name a token: use one of them")
	case c.tokenAfterFile == "":
		return nil
	}
	secret, err := c.readToken(c.tokenAfterFile)
	if err != nil {
		return fmt.Errorf("-token-after-file: %w", err)
	}
	c.tokenAfter = secret
	return nil
}

// maxToken is more than any token has, in bytes.
const maxToken = 4096

// readToken reads a file with a token. Errors do not show what is in it.
func (c *snapshotRestore) readToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o044 != 0 {
		c.warn("%s can be read by others (mode %04o): chmod 600 %s", path, info.Mode().Perm(), path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	secret := strings.TrimSpace(string(data))
	if secret == "" || len(data) > maxToken || strings.ContainsAny(secret, " \t\r\n") {
		return "", fmt.Errorf("%s does not hold one token", path)
	}
	return secret, nil
}

// after is where the target's state comes from when it is compared; nil if it is not.
func (c *snapshotRestore) after(target *restore.Cluster) (backup.Source, error) {
	switch {
	case !c.comparing():
		return nil, nil
	case c.tokenAfter == "":
		return &backup.Cluster{Client: target.Client}, nil
	}
	other := c.connection
	other.token, other.tokenFile = c.tokenAfter, ""
	client, err := other.client(c.program)
	if err != nil {
		return nil, err
	}
	return &backup.Cluster{Client: client}, nil
}
