//go:build unix

package interop

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/hashicorp/consul/api"
)

// Identifiers are the test's own, so that what they name can be asked for on any agent.
const (
	accessor = "3b8a6e52-7a35-4f55-9d7e-0f6b2d6f8a11"
	secret   = "d1c5a9e4-52c0-4a86-8a53-6e2f8f3b7c12"
)

// fillACLs makes a policy, a role that has it, and a token that has both and may read some keys.
func fillACLs(c *api.Client) error {
	if _, err := c.KV().Put(&api.KVPair{Key: "interop/open", Value: []byte("v")}, nil); err != nil {
		return err
	}
	policy, _, err := c.ACL().PolicyCreate(&api.ACLPolicy{
		Name: "interop-keys", Description: "may read some keys", Rules: `key_prefix "interop/open" { policy = "read" }`,
	}, nil)
	if err != nil {
		return fmt.Errorf("create a policy: %w", err)
	}
	role, _, err := c.ACL().RoleCreate(&api.ACLRole{
		Name: "interop-role", Description: "of the test", Policies: []*api.ACLLink{{ID: policy.ID}},
		ServiceIdentities: []*api.ACLServiceIdentity{{ServiceName: "interop-web", Datacenters: []string{"dc1"}}},
		NodeIdentities:    []*api.ACLNodeIdentity{{NodeName: "interop-a", Datacenter: "dc1"}},
	}, nil)
	if err != nil {
		return fmt.Errorf("create a role: %w", err)
	}
	_, _, err = c.ACL().TokenCreate(&api.ACLToken{
		AccessorID: accessor, SecretID: secret, Description: "interop", Policies: []*api.ACLLink{{ID: policy.ID}},
		Roles: []*api.ACLLink{{ID: role.ID}}, ServiceIdentities: []*api.ACLServiceIdentity{{ServiceName: "interop-db"}},
	}, nil)
	if err != nil {
		return fmt.Errorf("create a token: %w", err)
	}
	return nil
}

// guarded is what an agent has of the ACLs that fillACLs made, and a key that the token may read.
type guarded struct {
	Policy *api.ACLPolicy
	Role   *api.ACLRole
	Token  *api.ACLToken
	Read   *api.KVPair
}

func readACLs(c *api.Client) (any, error) {
	var all guarded
	var err error
	if all.Policy, _, err = c.ACL().PolicyReadByName("interop-keys", consistent()); err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	if all.Role, _, err = c.ACL().RoleReadByName("interop-role", consistent()); err != nil {
		return nil, fmt.Errorf("read the role: %w", err)
	}
	if all.Token, _, err = c.ACL().TokenRead(accessor, consistent()); err != nil {
		return nil, fmt.Errorf("read the token: %w", err)
	}
	all.Read, _, err = c.KV().Get("interop/open", &api.QueryOptions{RequireConsistent: true, Token: secret})
	if err != nil {
		return nil, fmt.Errorf("read a key with the token: %w", err)
	}
	_, err = c.KV().Put(&api.KVPair{Key: "interop/open"}, &api.WriteOptions{Token: secret})
	if !forbidden(err) {
		return nil, fmt.Errorf("write a key that the token may only read: %v; want to be refused", err)
	}
	return all, nil
}

func forbidden(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && status.Code == http.StatusForbidden
}
