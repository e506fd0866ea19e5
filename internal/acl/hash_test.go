package acl

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

func TestHashesOfRealConsul(t *testing.T) {
	n := 0
	check := func(what string, want, got []byte) {
		n++
		if !bytes.Equal(want, got) {
			t.Errorf("%s: hash %x, Consul has %x", what, got, want)
		}
	}
	for _, v := range goldenRecords(t) {
		switch v := v.(type) {
		case *record.ACLToken:
			check("token "+v.AccessorID, v.Hash, HashToken(v))
		case *record.ACLPolicy:
			check("policy "+v.Name, v.Hash, HashPolicy(v))
		case *record.ACLRole:
			check("role "+v.Name, v.Hash, HashRole(v))
		}
	}
	if hashes := hashesInText(t); n == 0 || n != hashes {
		t.Errorf("checked %d hashes, the archive as text has %d", n, hashes)
	}
}

// hashesInText counts the hashes of ACL objects in the archive as text, so that none is passed over.
func hashesInText(t *testing.T) (n int) {
	for line := range strings.Lines(string(golden.Read(t, "consul-1.21.4/full.records.ndjson"))) {
		var rec struct {
			Name  string
			Value struct {
				Hash any
			}
		}
		if err := json.Unmarshal([]byte(line), &rec); err != nil {
			continue // values of other types are no objects
		}
		if strings.HasPrefix(rec.Name, "ACL") && rec.Value.Hash != nil {
			n++
		}
	}
	return n
}

func TestHashCoversWhatUsersChange(t *testing.T) {
	policy := record.ACLPolicy{Name: "n", Description: "d", Rules: "r", Datacenters: []string{"dc1"}}
	role := record.ACLRole{Name: "n"}
	token := record.ACLToken{Description: "d"}
	seen := map[string]string{}
	for what, hash := range map[string][]byte{
		"policy": HashPolicy(&policy),
		"policy with other rules": HashPolicy(&record.ACLPolicy{
			Name: "n", Description: "d", Rules: "q", Datacenters: []string{"dc1"}}),
		"policy without datacenters": HashPolicy(&record.ACLPolicy{Name: "n", Description: "d", Rules: "r"}),
		"role":                       HashRole(&role),
		"role with a policy":         HashRole(&record.ACLRole{Name: "n", Policies: []record.ACLLink{{ID: "p"}}}),
		"role with a service":        HashRole(&record.ACLRole{Name: "n", ServiceIdentities: []record.ACLServiceIdentity{{ServiceName: "s"}}}),
		"token":                      HashToken(&token),
		"local token":                HashToken(&record.ACLToken{Description: "d", Local: true}),
		"token with a role":          HashToken(&record.ACLToken{Description: "d", Roles: []record.ACLLink{{ID: "r"}}}),
	} {
		key := hex.EncodeToString(hash)
		if seen[key] != "" || len(hash) != 32 {
			t.Errorf("%s and %s have the hash %s", what, seen[key], key)
		}
		seen[key] = what
	}
}
