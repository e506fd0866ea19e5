package kvarchive

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

// recordsOf is what a source gives, decoded.
func recordsOf(t *testing.T, a *Archive) (types []record.Type, values []any) {
	t.Helper()
	var offset int64
	must(t, a.Source(t.Context())(func(raw record.Raw) error {
		if raw.Number != int64(len(types)+1) || raw.Offset != offset {
			t.Errorf("record %d at %d, want %d at %d", raw.Number, raw.Offset, len(types)+1, offset)
		}
		offset += raw.Size()
		value, err := record.Decode(raw)
		types, values = append(types, raw.Type), append(values, value)
		return err
	}))
	return types, values
}

func only[T any](values []any) (all []T) {
	for _, v := range values {
		if x, ok := v.(T); ok {
			all = append(all, x)
		}
	}
	return all
}

// Every key and query of the real tool's archives comes as it is, in the order of a snapshot, the same each time.
func TestSourceOfFixtures(t *testing.T) {
	for name := range expectations(t) {
		if strings.HasPrefix(name, "bad/") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			a := mustOpen(t, golden.Read(t, fixtures+name), passphrase)
			types, values := recordsOf(t, a)
			ranks := make([]int, len(types))
			for i, typ := range types {
				ranks[i] = typ.Rank()
			}
			if !slices.IsSorted(ranks) {
				t.Errorf("order: %v", types)
			}
			want := contentOf(t, a)
			if got := only[*record.KVEntry](values); !reflect.DeepEqual(got, want.Keys) {
				t.Errorf("keys: %+v", got)
			}
			if got := only[*record.PreparedQuery](values); len(got) != len(want.Queries) || len(got) > 0 && got[0].Name != want.Queries[0].Name {
				t.Errorf("queries: %+v", got)
			}
			if got := only[*record.ACLToken](values); len(got) != len(want.LegacyACLs) {
				t.Errorf("tokens: %+v", got)
			}
			if _, again := recordsOf(t, a); !reflect.DeepEqual(again, values) {
				t.Error("another pass gives something else")
			}
		})
	}
}

const legacyRules = `key "app/" { policy = "read" }`

// withACLs is an archive with legacy ACLs, and some of today.
func withACLs(t *testing.T) *Archive {
	t.Helper()
	w, err := NewWriter(t.TempDir(), Head{Directory: "d", Started: time.Unix(started, 0)})
	must(t, err)
	defer w.Close()
	for _, x := range []*LegacyACL{
		{ID: "one", Name: "app", Type: ClientACL, Rules: legacyRules, CreateIndex: 3, ModifyIndex: 4},
		{ID: "two", Name: "app", Type: ClientACL, Rules: legacyRules},
		{ID: "boss", Name: "boss", Type: ManagementACL},
		{ID: "odd", Name: "odd", Type: ClientACL, Rules: `mesh = "write"`},
		{ID: "both", Name: "both", Type: ClientACL, Rules: legacyRules},
	} {
		must(t, w.PutLegacyACL(x))
	}
	for _, x := range []*ACL{
		{Token: &record.ACLToken{AccessorID: "a", SecretID: "both"}}, {Policy: &record.ACLPolicy{ID: "p", Name: "p"}},
		{Role: &record.ACLRole{ID: "r", Name: "r"}}, {Token: &record.ACLToken{AccessorID: "b", SecretID: "last"}},
	} {
		must(t, w.PutACL(x))
	}
	must(t, w.Finish(w.head.Started))
	var buf bytes.Buffer
	_, err = w.Pack(t.Context(), &buf)
	must(t, err)
	return mustOpen(t, buf.Bytes(), "")
}

func TestSourceOfACLs(t *testing.T) {
	a := withACLs(t)
	types, values := recordsOf(t, a)
	want := []record.Type{record.TypeLegacyACL, record.TypeACLToken, record.TypeACLToken, record.TypeACLToken, record.TypeACLToken,
		record.TypeACLToken, record.TypeACLPolicy, record.TypeACLPolicy, record.TypeACLRole}
	if !slices.Equal(types, want) {
		t.Fatalf("types %v, want %v", types, want)
	}
	var secrets []string
	tokens, policies := only[*record.ACLToken](values), only[*record.ACLPolicy](values)
	for _, token := range tokens {
		secrets = append(secrets, token.SecretID)
	}
	if got := strings.Join(secrets, " "); got != "one two boss both last" {
		t.Errorf("secrets: %s", got)
	}
	one, two, policy := tokens[0], tokens[1], policies[0]
	if one.AccessorID != "" || one.CreateIndex != 3 || one.ModifyIndex != 4 || !bytes.Equal(one.Hash, acl.HashToken(one)) {
		t.Errorf("%+v", one)
	}
	if !reflect.DeepEqual(one.Policies, two.Policies) || one.Policies[0].ID != policy.ID || one.Policies[0].Name != policy.Name {
		t.Errorf("%+v and %+v do not link to %+v", one.Policies, two.Policies, policy)
	}
	if len(policy.ID) != 36 || policy.ID[14] != '8' || policy.Rules != `key_prefix "app/" { policy = "read" }` {
		t.Errorf("%+v", policy)
	}
	failed, err := a.Untranslated(t.Context())
	if must(t, err); len(failed) != 1 || failed[0].Name != "odd" || !strings.Contains(failed[0].Err.Error(), "mesh") {
		t.Errorf("%+v", failed)
	}
	kept := values[0].(*record.Opaque)
	for _, part := range []string{"odd", `mesh = "write"`, ClientACL} {
		if !bytes.Contains(kept.Value, []byte(part)) {
			t.Errorf("the legacy ACL has lost %q: %q", part, kept.Value)
		}
	}
}

func TestSourceStops(t *testing.T) {
	a := withACLs(t)
	stop, n := errors.New("stop"), 0
	if err := a.Source(t.Context())(func(record.Raw) error {
		if n++; n == 4 {
			return stop
		}
		return nil
	}); err != stop {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Source(ctx)(func(record.Raw) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestHolds(t *testing.T) {
	a := mustOpen(t, packed(t, sound()...), "")
	if !a.Holds(Keys) || !a.Holds(Queries) || a.Holds(LegacyACLs) || a.Holds(ACLs) {
		t.Error("which documents it has is not told")
	}
}
