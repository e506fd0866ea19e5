package kvarchive

import (
	"encoding/json"

	"github.com/lictor-dr/lictor/internal/record"
)

// The types of legacy ACLs.
const (
	ClientACL     = "client"
	ManagementACL = "management"
)

// LegacyACL is a token with rules of its own, as Consul had them before 1.4 and served them until 1.10. See Modernize.
type LegacyACL struct {
	CreateIndex uint64
	ModifyIndex uint64
	ID          string // the secret; anonymous for requests without a token
	Name        string
	Type        string // ClientACL or ManagementACL
	Rules       string // in the rule language of before 1.4
}

func parseLegacyACL(raw []byte) (*LegacyACL, error) {
	a := new(LegacyACL)
	if err := json.Unmarshal(raw, a); err != nil {
		return nil, err
	}
	if a.ID == "" {
		return nil, corrupt("it has no ID")
	}
	return a, nil
}

// ACL is an object of the ACLs since Consul 1.4. Exactly one of its fields is set.
type ACL struct {
	Policy *record.ACLPolicy `json:",omitempty"`
	Role   *record.ACLRole   `json:",omitempty"`
	Token  *record.ACLToken  `json:",omitempty"` // with its secret
}

func (a *ACL) one() bool {
	n := 0
	for _, set := range []bool{a.Policy != nil, a.Role != nil, a.Token != nil} {
		if set {
			n++
		}
	}
	return n == 1
}

func parseACL(raw []byte) (*ACL, error) {
	a := new(ACL)
	if err := json.Unmarshal(raw, a); err != nil {
		return nil, err
	}
	if !a.one() {
		return nil, corrupt("it is not one policy, role or token")
	}
	return a, nil
}
