package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/encryption"
	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/record"
)

// passwordVariable is where consul-snapshot has its passphrase.
const passwordVariable = "CRYPTO_PASSWORD"

// openOld opens an archive of consul-snapshot, and checks it to its end. It is nil if name is none; looks says then what the file is, if
// nothing reads it. Standard input is not used up by looking at it.
func (k *keyFlags) openOld(ctx context.Context, p *program, name string) (a *kvarchive.Archive, looks string, err error) {
	var from io.Reader = p.in
	if name != "-" {
		file, err := lookInto(name)
		if file == nil || err != nil {
			return nil, "", err
		}
		defer file.Close()
		from = file
	}
	encrypted, from := encryption.Sniff(from)
	start, whole := kvarchive.Start{}, from
	if !encrypted {
		start, whole = kvarchive.Sniff(from)
	}
	if name == "-" {
		p.in = whole
	}
	if !start.Old {
		return nil, start.Looks, nil
	}
	a, err = k.readOld(ctx, p, start, whole)
	return a, "", err
}

// lookInto opens a file whose start can be looked at: a regular one, and no state.bin. What is wrong with it is for who reads it to find.
func lookInto(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || strings.EqualFold(filepath.Base(name), "state.bin") {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil
	}
	return f, nil
}

// readOld reads an archive of consul-snapshot to its end.
func (k *keyFlags) readOld(ctx context.Context, p *program, start kvarchive.Start, from io.Reader) (*kvarchive.Archive, error) {
	secret, origin := "", ""
	if start.Encrypted {
		var err error
		if secret, origin, err = k.password(p); err != nil {
			return nil, &sealedError{err}
		}
	}
	a, err := kvarchive.Open(ctx, from, kvarchive.Options{Passphrase: secret})
	switch {
	case errors.Is(err, kvarchive.ErrNoPassphrase):
		return nil, &sealedError{fmt.Errorf("the archive of consul-snapshot is encrypted: its passphrase is taken from %s, or from a file, with "+
			"-passphrase-file", passwordVariable)}
	case errors.Is(err, kvarchive.ErrWrongPassphrase):
		return nil, &sealedError{fmt.Errorf("the archive of consul-snapshot is encrypted with another passphrase than %s", origin)}
	}
	return a, err
}

// password is the passphrase of an archive of consul-snapshot, and where it comes from.
func (k *keyFlags) password(p *program) (secret, origin string, err error) {
	if k.passphraseFile != "" {
		secret, warning, err := encryption.ReadPassphrase(k.passphraseFile)
		warnOf(p, warning)
		return secret, "the one in " + k.passphraseFile, err
	}
	if secret := os.Getenv(passwordVariable); secret != "" {
		return secret, "the one in " + passwordVariable, nil
	}
	if !canAsk() {
		return "", "", nil
	}
	secret, err = askSecret("Passphrase of the archive: ")
	return secret, "the one that was typed", err
}

// unreadable adds to the error of a file that nothing reads what it looks like.
func unreadable(err error, looks string) error {
	if err == nil || looks == "" {
		return err
	}
	return fmt.Errorf("%w; the file looks like %s: what can be read are snapshots of Consul, also encrypted ones, and archives of "+
		"consul-snapshot", err, looks)
}

// oldKind says what an archive is.
func oldKind(a *kvarchive.Archive) string {
	text := "consul-snapshot " + printable(a.Version)
	if !a.Started.IsZero() {
		text += " of " + stampOf(a.Started)
	}
	return text
}

// isOldName tells whether an object of a store is named as consul-snapshot names its archives.
func isOldName(name string) bool {
	_, ok := kvarchive.ParseObjectKey(name)
	return ok || path.Base(name) == "acceptancetest.tar.gz"
}

// oldFromStores reads such an object, from the first store that can give it. Its name may have slashes.
func (k *keyFlags) oldFromStores(
	ctx context.Context, p *program, stores []blobstore.Store, name string,
) (*kvarchive.Archive, string, error) {
	var found *kvarchive.Archive
	var location string
	err := inAny(stores, func(store blobstore.Store) error {
		body, err := blobstore.GetBelow(ctx, store, name)
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }() // it was only read
		location = store.Location(name)
		found, err = k.readOldObject(ctx, p, body)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return found, location, nil
}

// readOldObject reads what must be an archive of consul-snapshot.
func (k *keyFlags) readOldObject(ctx context.Context, p *program, body io.Reader) (*kvarchive.Archive, error) {
	start, whole := kvarchive.Sniff(body)
	return k.readOld(ctx, p, start, whole) // which refuses what is none
}

// An oldSurvey is what an archive of consul-snapshot holds, and what there is to say about it.
type oldSurvey struct {
	kvarchive.Counts
	warnings []string
}

// survey reads every entry.
func survey(ctx context.Context, a *kvarchive.Archive) (*oldSurvey, error) {
	counts, err := a.Verify(ctx)
	if err != nil {
		return nil, err
	}
	warnings, err := oldWarnings(ctx, a)
	return &oldSurvey{counts, warnings}, err
}

// oldWarnings are what an archive lacks, or may lack. The keys are not read for it.
func oldWarnings(ctx context.Context, a *kvarchive.Archive) (all []string, err error) {
	if a.Document(kvarchive.Keys).Null {
		all = append(all, "the document of the keys is null: there were none, or the token of the backup might not read them; the archive "+
			"does not tell which")
	}
	if a.Document(kvarchive.Queries).Null {
		all = append(all, "the document of the prepared queries is null: they could not be read when the backup was made")
	}
	hidden := 0
	err = a.Queries(ctx, func(q *record.PreparedQuery) error {
		if q.Token == kvarchive.HiddenToken {
			hidden++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if hidden > 0 {
		all = append(all, numbered(hidden, "prepared query lacks its token", "prepared queries lack their tokens")+
			": who made the backup might not see them")
	}
	untranslated, err := a.Untranslated(ctx)
	for _, u := range untranslated {
		all = append(all, fmt.Sprintf("a legacy ACL cannot become a token of today: %v", u.Err))
	}
	if len(a.Other) > 0 {
		all = append(all, "members that are no part of the backup were passed over: "+strings.Join(a.Other, ", "))
	}
	return all, err
}

// contents says how much there is, in words.
func (s *oldSurvey) contents(a *kvarchive.Archive) string {
	parts := []string{numbered(s.Keys, "key", "keys")}
	if a.Holds(kvarchive.Queries) {
		parts = append(parts, numbered(s.Queries, "prepared query", "prepared queries"))
	}
	if a.Holds(kvarchive.LegacyACLs) {
		parts = append(parts, numbered(s.LegacyACLs, "legacy ACL", "legacy ACLs"))
	}
	if a.Holds(kvarchive.ACLs) {
		parts = append(parts, numbered(s.Tokens, "ACL token", "ACL tokens"), numbered(s.Policies, "policy", "policies"),
			numbered(s.Roles, "role", "roles"))
	}
	return strings.Join(parts, ", ")
}

func numbered(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n) + " " + many
}

// unprovable is what no archive of consul-snapshot can prove about itself.
func unprovable(a *kvarchive.Archive) []string {
	all := []string{"that it holds all that there was, for what could not be read is not told from what was not there"}
	if a.KeysOnly() {
		return append(all, "that it is what was saved, for archives of 0.1 carry no checksums")
	}
	return append(all, "that its documents are of one moment, for they may have been read one after the other")
}

// oldHead is what an archive says of itself, in JSON.
type oldHead struct {
	Format    string // consul-snapshot
	Version   string
	Started   *time.Time `json:",omitempty"`
	Ended     *time.Time `json:",omitempty"`
	NodeName  string
	Encrypted bool
}

func headOf(a *kvarchive.Archive) oldHead {
	h := oldHead{Format: "consul-snapshot", Version: a.Version, NodeName: a.NodeName, Encrypted: a.Encrypted}
	if !a.Started.IsZero() {
		started, ended := a.Started.UTC(), a.Ended.UTC()
		h.Started, h.Ended = &started, &ended
	}
	return h
}
