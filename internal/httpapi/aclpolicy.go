package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

var errNoPolicy = refuse(http.StatusNotFound, "Requested policy does not exist: ACL not found")

// A policyEntry is a policy in a list: without its rules.
type policyEntry struct {
	ID, Name, Description    string
	Datacenters              []string
	Hash                     []byte
	CreateIndex, ModifyIndex uint64
}

func (h *Handler) policyList(w http.ResponseWriter, r *request) error {
	var found []*record.ACLPolicy
	if err := h.aclRead(w, r, func(s Store, watch *state.Watch) (index uint64) {
		index, found = s.Policies(watch)
		return index
	}); err != nil {
		return err
	}
	entries := make([]policyEntry, 0, len(found))
	for _, p := range found {
		entries = append(entries, policyEntry{p.ID, p.Name, p.Description, p.Datacenters, p.Hash, p.CreateIndex, p.ModifyIndex})
	}
	slices.SortFunc(entries, func(a, b policyEntry) int { return strings.Compare(a.Name, b.Name) })
	entries, err := filtered(r, entries)
	if err != nil {
		return filterError(err)
	}
	return writeJSON(w, r, entries)
}

func (h *Handler) policyRead(byName bool) endpoint {
	return readNamed(h, byName, "policy ID", errNoPolicy, Store.Policy)
}

func (h *Handler) policyCreate(w http.ResponseWriter, r *request) error {
	var p record.ACLPolicy
	if err := decodeNew(r, "Policy", &p, &p.ID); err != nil {
		return err
	}
	return h.policySet(w, r, &p)
}

func (h *Handler) policyUpdate(w http.ResponseWriter, r *request) error {
	var p record.ACLPolicy
	if err := decodeChange(r, "Policy", &p, &p.ID); err != nil {
		return err
	}
	_, old := h.backend.Store().Policy(nil, r.tail, "")
	if r.tail == "" || old == nil {
		return errNoPolicy
	}
	p.ID = old.ID
	switch builtin := builtinPolicy(old.ID); {
	case builtin && p.Rules != old.Rules:
		return fmt.Errorf("Changing the Rules for the builtin %s policy is not permitted", old.Name)
	case builtin && len(p.Datacenters) > 0:
		return fmt.Errorf("Changing the Datacenters of the builtin %s policy is not permitted", old.Name)
	}
	return h.policySet(w, r, &p)
}

func builtinPolicy(id string) bool { return id == acl.GlobalManagementID || id == acl.GlobalReadOnlyID }

func (h *Handler) policySet(w http.ResponseWriter, r *request, p *record.ACLPolicy) error {
	if err := acl.ValidatePolicyName(p.Name); err != nil {
		return err
	}
	if _, err := acl.Parse(p.Rules); err != nil {
		return err
	}
	p.Hash = acl.HashPolicy(p)
	if _, err := h.apply(r, fsm.SetPolicy(p), ""); err != nil {
		return err
	}
	_, p = h.backend.Store().Policy(nil, p.ID, "")
	return writeJSON(w, r, p)
}

func (h *Handler) policyDelete(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.ACL, acl.Write, ""); err != nil {
		return err
	}
	_, p := h.backend.Store().Policy(nil, r.tail, "")
	switch {
	case r.tail == "":
		return badRequest("Missing policy ID")
	case p == nil:
		return writeJSON(w, r, true)
	case builtinPolicy(p.ID):
		return fmt.Errorf("Delete operation not permitted on the builtin %s policy", p.Name)
	}
	return h.applyTrue(w, r, fsm.DeletePolicy(p.ID), "")
}
