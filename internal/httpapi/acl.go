package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	uuid "github.com/hashicorp/go-uuid"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

func (h *Handler) aclRoutes() []route {
	at := func(path string, methods ...method) route {
		for i := range methods {
			methods[i].serve = h.needsACLs(methods[i].serve)
		}
		return route{path: path, prefix: strings.HasSuffix(path, "/"), methods: methods}
	}
	get := func(serve endpoint) method { return method{http.MethodGet, serve} }
	put := func(serve endpoint) method { return method{http.MethodPut, serve} }
	del := func(serve endpoint) method { return method{http.MethodDelete, serve} }
	bootstrap := at("/v1/acl/bootstrap", put(h.needsPrimary(h.aclBootstrap)))
	bootstrap.open = true
	agentToken := at("/v1/agent/token/", put(h.agentToken))
	agentToken.local = true
	return []route{
		bootstrap,
		at("/v1/acl/replication", get(h.aclReplication)),
		at("/v1/acl/token", put(h.tokenCreate)),
		at("/v1/acl/token/self", get(h.tokenSelf)),
		at("/v1/acl/token/", get(h.tokenRead), put(h.tokenWrite), del(h.tokenDelete)),
		at("/v1/acl/tokens", get(h.tokenList)),
		at("/v1/acl/policy", put(h.needsPrimary(h.policyCreate))),
		at("/v1/acl/policy/name/", get(h.policyRead(true))),
		at("/v1/acl/policy/", get(h.policyRead(false)), put(h.needsPrimary(h.policyUpdate)), del(h.needsPrimary(h.policyDelete))),
		at("/v1/acl/policies", get(h.policyList)),
		at("/v1/acl/role", put(h.needsPrimary(h.roleCreate))),
		at("/v1/acl/role/name/", get(h.roleRead(true))),
		at("/v1/acl/role/", get(h.roleRead(false)), put(h.needsPrimary(h.roleUpdate)), del(h.needsPrimary(h.roleDelete))),
		at("/v1/acl/roles", get(h.roleList)),
		at("/v1/acl/auth-method/", get(h.authMethodRead)),
		at("/v1/acl/auth-methods", get(h.authMethodList)),
		at("/v1/acl/binding-rule/", get(h.bindingRuleRead)),
		at("/v1/acl/binding-rules", get(h.bindingRuleList)),
		agentToken,
	}
}

// needsACLs refuses an endpoint while ACLs are off.
func (h *Handler) needsACLs(serve endpoint) endpoint {
	return func(w http.ResponseWriter, r *request) error {
		if !h.backend.ACLEnabled() {
			return acl.ErrDisabled
		}
		return serve(w, r)
	}
}

// aclRead fetches what a caller with acl:read asks for.
func (h *Handler) aclRead(w http.ResponseWriter, r *request, fetch read) error {
	if err := r.need(acl.ACL, acl.Read, ""); err != nil {
		return err
	}
	index, err := h.query(r, fetch)
	if err == nil {
		h.setMeta(w, index)
	}
	return err
}

// readOne answers with the object that find finds, as show shows it, or with the error missing.
func readOne[T any](h *Handler, w http.ResponseWriter, r *request, key string, missing error,
	find func(Store, *state.Watch) (uint64, *T), show func(*T) any) error {
	if r.tail == "" {
		return badRequest("Missing %s", key)
	}
	var found *T
	if err := h.aclRead(w, r, func(s Store, watch *state.Watch) (index uint64) {
		index, found = find(s, watch)
		return index
	}); err != nil {
		return err
	}
	if found == nil {
		return missing
	}
	return writeJSON(w, r, show(found))
}

// readNamed answers with the object that the path has the ID of, or the name.
func readNamed[T any](h *Handler, byName bool, key string, missing error,
	find func(s Store, w *state.Watch, id, name string) (uint64, *T)) endpoint {
	return func(w http.ResponseWriter, r *request) error {
		id, name := r.tail, ""
		if byName {
			id, name = "", r.tail
		}
		return readOne(h, w, r, key, missing, func(s Store, watch *state.Watch) (uint64, *T) { return find(s, watch, id, name) },
			func(x *T) any { return x })
	}
}

// decodeNew reads the body of a request for a new policy or role, and gives it an ID.
func decodeNew(r *request, kind string, body any, id *string) error {
	if err := r.need(acl.ACL, acl.Write, ""); err != nil {
		return err
	}
	if err := decodeBody(r, body); err != nil {
		return err
	}
	if *id != "" {
		return badRequest("Cannot specify the ID when creating a new %s", strings.ToLower(kind))
	}
	made, err := uuid.GenerateUUID()
	if err != nil {
		return fmt.Errorf("make an ID: %w", err)
	}
	*id = made
	return nil
}

// decodeChange reads the body of a request that changes the policy or role in the path.
func decodeChange(r *request, kind string, body any, id *string) error {
	if err := r.need(acl.ACL, acl.Write, ""); err != nil {
		return err
	}
	if err := decodeBody(r, body); err != nil {
		return err
	}
	if *id != "" && *id != r.tail {
		return badRequest("%s ID in URL and payload do not match", kind)
	}
	*id = r.tail
	return nil
}

func (h *Handler) aclBootstrap(w http.ResponseWriter, r *request) error {
	var body struct{ BootstrapSecret string }
	if r.ContentLength != 0 {
		if err := decodeBody(r, &body); err != nil {
			return err
		}
	}
	t, err := newToken(body.BootstrapSecret)
	if err != nil {
		return err
	}
	t.Description = "Bootstrap Token (Global Management)"
	t.Policies = []record.ACLLink{{ID: acl.GlobalManagementID, Name: acl.GlobalManagementName}}
	t.Hash = acl.HashToken(t)
	err = h.backend.BootstrapACLs(r.Context(), t)
	if errors.Is(err, state.ErrBootstrapped) {
		return refuse(http.StatusForbidden, "Permission denied: %v", err)
	}
	if err != nil {
		return err
	}
	_, t = h.backend.Store().Token(nil, t.AccessorID)
	return writeJSON(w, r, struct {
		ID string
		*record.ACLToken
	}{t.SecretID, t})
}

// newToken makes a token with new IDs; a secret that is given is kept.
func newToken(secret string) (*record.ACLToken, error) {
	t := &record.ACLToken{SecretID: secret, CreateTime: time.Now().UTC()}
	for _, id := range []*string{&t.AccessorID, &t.SecretID} {
		if *id == "" {
			made, err := uuid.GenerateUUID()
			if err != nil {
				return nil, fmt.Errorf("make an ID for a token: %w", err)
			}
			*id = made
		}
	}
	if _, err := uuid.ParseUUID(t.SecretID); err != nil {
		return nil, err
	}
	return t, nil
}

// resolveLinks completes links that name an object of a kind by ID or by name, and drops repetitions.
func resolveLinks(kind string, links []record.ACLLink, find func(id, name string) (record.ACLLink, bool)) ([]record.ACLLink, error) {
	var complete []record.ACLLink
	for _, l := range links {
		found, ok := find(l.ID, l.Name)
		if !ok && l.ID != "" {
			return nil, fmt.Errorf("No such ACL %s with ID %q", kind, l.ID)
		}
		if !ok {
			return nil, fmt.Errorf("No such ACL %s with name %q", kind, l.Name)
		}
		if !slices.ContainsFunc(complete, func(c record.ACLLink) bool { return c.ID == found.ID }) {
			complete = append(complete, found)
		}
	}
	return complete, nil
}

func (h *Handler) policyLinks(links []record.ACLLink) ([]record.ACLLink, error) {
	return resolveLinks("policy", links, func(id, name string) (record.ACLLink, bool) {
		if _, p := h.backend.Store().Policy(nil, id, name); p != nil {
			return record.ACLLink{ID: p.ID, Name: p.Name}, true
		}
		return record.ACLLink{}, false
	})
}

func (h *Handler) roleLinks(links []record.ACLLink) ([]record.ACLLink, error) {
	return resolveLinks("role", links, func(id, name string) (record.ACLLink, bool) {
		if _, p := h.backend.Store().Role(nil, id, name); p != nil {
			return record.ACLLink{ID: p.ID, Name: p.Name}, true
		}
		return record.ACLLink{}, false
	})
}

func checkIdentities(services []record.ACLServiceIdentity, nodes []record.ACLNodeIdentity) error {
	for _, s := range services {
		if err := acl.ValidateServiceIdentityName(s.ServiceName); err != nil {
			return err
		}
	}
	for _, n := range nodes {
		if err := acl.ValidateNodeIdentityName(n.NodeName); err != nil {
			return err
		}
		if n.Datacenter == "" {
			return errors.New("Node identity is missing the datacenter field on this token or role")
		}
	}
	return nil
}
