package consulsnapshot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/kvarchive"
	"github.com/lictor-dr/lictor/internal/record"
)

// perTransaction is how many operations every Consul takes in one transaction.
const perTransaction = 64

// A listing is a backup by a token that may not take a snapshot: the keys are listed, and read in transactions.
type listing struct {
	*kvarchive.Writer
	client   *api.Client
	picker   *picker
	log      *Log
	vanished int // keys that were deleted after they had been listed
}

// list puts what the token may read into an archive. What it tells is what is not, or may not be, in it.
func list(ctx context.Context, client *api.Client, w *kvarchive.Writer, p *picker, log *Log) error {
	l := &listing{Writer: w, client: client, picker: p, log: log}
	if err := l.keys(ctx); err != nil {
		return err
	}
	if !p.all() {
		return nil
	}
	if err := l.queries(ctx); err != nil {
		return err
	}
	return l.legacyACLs(ctx)
}

// consistent are the options of a read that no old leader answers.
func consistent(ctx context.Context) *api.QueryOptions {
	return (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)
}

// keys lists the keys and puts them.
func (l *listing) keys(ctx context.Context) error {
	names, err := l.names(ctx)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(names, perTransaction) {
		if err := l.read(ctx, chunk); err != nil {
			return fmt.Errorf("read %s from %q on: %w", some(len(chunk), "key"), chunk[0], err)
		}
	}
	if l.vanished > 0 {
		l.log.Warn("%s deleted between being listed and being read, and not in the backup", some(l.vanished, "key"))
	}
	return nil
}

// names lists the keys that are selected, in the order of their bytes.
func (l *listing) names(ctx context.Context) ([]string, error) {
	names := slices.Clone(l.picker.Keys)
	prefixes := l.picker.Prefixes
	if l.picker.all() {
		prefixes = []string{""}
	}
	for _, prefix := range prefixes {
		asked := prefix
		if strings.HasPrefix(prefix, "/") { // which the client would leave out
			asked = ""
		}
		found, meta, err := l.client.KV().Keys(asked, "", consistent(ctx))
		if err != nil {
			return nil, fmt.Errorf("list the keys: %w", err)
		}
		if meta.ResultsFilteredByACLs {
			l.log.Warn("Consul hides keys from the token: they are NOT in the backup")
		}
		names = append(names, slices.DeleteFunc(found, func(k string) bool { return !strings.HasPrefix(k, prefix) })...)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// read puts the keys of one transaction. One that is gone by now is left out of a second try.
func (l *listing) read(ctx context.Context, names []string) error {
	for len(names) > 0 {
		var ops api.TxnOps
		for _, name := range names {
			ops = append(ops, &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVGet, Key: name}})
		}
		done, answer, _, err := l.client.Txn().Txn(ops, consistent(ctx))
		if err != nil {
			return err
		}
		if done {
			return l.put(names, answer.Results)
		}
		left, err := l.without(names, answer.Errors)
		if err != nil {
			return err
		}
		names = left
	}
	return nil
}

// put puts the answers of a transaction, which must be for all that was asked.
func (l *listing) put(names []string, results api.TxnResults) error {
	for i, name := range names {
		if i >= len(results) || results[i].KV == nil || results[i].KV.Key != name {
			return fmt.Errorf("Consul lists the key %q and does not give it out: the token may list it, but not read it "+
				"(key_prefix %q needs policy = \"read\")", name, name)
		}
		kv := results[i].KV
		e := &record.KVEntry{Key: kv.Key, CreateIndex: kv.CreateIndex, ModifyIndex: kv.ModifyIndex, LockIndex: kv.LockIndex, Flags: kv.Flags,
			Session: kv.Session}
		if len(kv.Value) > 0 {
			e.Value = kv.Value
		}
		if !l.picker.picks(e) {
			continue
		}
		if err := l.PutKey(e); err != nil {
			return err
		}
	}
	return nil
}

// without is the names that do not cause a transaction to fail because they are gone.
func (l *listing) without(names []string, failures api.TxnErrors) ([]string, error) {
	gone := map[string]bool{}
	for _, f := range failures {
		if f.OpIndex < 0 || f.OpIndex >= len(names) || !strings.Contains(f.What, "doesn't exist") {
			return nil, fmt.Errorf("the transaction fails: %s", f.What)
		}
		name := names[f.OpIndex]
		if strings.ContainsRune(name, '\uFFFD') { // what JSON has in place of what it cannot say
			return nil, fmt.Errorf("the name of the key that is listed as %q cannot be said in JSON, so that it cannot be asked for: take the "+
				"backup with a token that may take a snapshot (acl = \"write\")", name)
		}
		gone[name] = true
	}
	if len(gone) == 0 {
		return nil, errors.New("the transaction fails, and Consul does not say why")
	}
	l.vanished += len(gone)
	return slices.DeleteFunc(slices.Clone(names), func(k string) bool { return gone[k] }), nil
}

// hidden is what Consul shows of a secret to who must not know it.
const hidden = "<hidden>"

// queries puts the prepared queries that the token may read.
func (l *listing) queries(ctx context.Context) error {
	var found []*record.PreparedQuery // whose fields have the names of the API's
	meta, err := l.client.Raw().Query("/v1/query", &found, consistent(ctx))
	switch {
	case answered(err, http.StatusForbidden):
		l.log.Warn("the token may not list prepared queries: there are NONE in the backup (%s)", err)
		return nil
	case err != nil:
		return fmt.Errorf("list the prepared queries: %w", err)
	case meta.ResultsFilteredByACLs:
		l.log.Warn("Consul hides prepared queries from the token: they are NOT in the backup")
	}
	secrets := 0
	for _, q := range found {
		if q.Token == hidden {
			secrets++
		}
		if err := l.PutQuery(q); err != nil {
			return err
		}
	}
	if secrets > 0 {
		l.log.Warn("Consul hides the tokens of %s from this token: they are NOT in the backup", some(secrets, "prepared query"))
	}
	return nil
}

// legacyACLs puts the ACLs of Consul before 1.11, if this is one and the token may list them. Later ones answer 404.
func (l *listing) legacyACLs(ctx context.Context) error {
	var found []*kvarchive.LegacyACL
	_, err := l.client.Raw().Query("/v1/acl/list", &found, consistent(ctx))
	switch {
	case answered(err, http.StatusNotFound):
		return nil
	case answered(err, http.StatusUnauthorized): // ACLs are off
		l.Include(kvarchive.LegacyACLs)
		return nil
	case answered(err, http.StatusForbidden):
		l.log.Warn("the token may not list legacy ACLs: there are NONE in the backup (%s)", err)
		return nil
	case err != nil:
		return fmt.Errorf("list the legacy ACLs: %w", err)
	}
	l.Include(kvarchive.LegacyACLs)
	for _, a := range found {
		if err := l.PutLegacyACL(a); err != nil {
			return err
		}
	}
	return nil
}
