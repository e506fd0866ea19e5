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

var errNoRole = refuse(http.StatusNotFound, "Requested role does not exist: ACL not found")

func (h *Handler) roleList(w http.ResponseWriter, r *request) error {
	var found []*record.ACLRole
	if err := h.aclRead(w, r, func(s Store, watch *state.Watch) (index uint64) {
		index, found = s.Roles(watch)
		return index
	}); err != nil {
		return err
	}
	if id := r.query.Get("policy"); id != "" {
		found = slices.DeleteFunc(slices.Clone(found), func(x *record.ACLRole) bool { return !linked(x.Policies, id) })
	}
	slices.SortFunc(found, func(a, b *record.ACLRole) int { return strings.Compare(a.Name, b.Name) })
	found, err := filtered(r, found)
	if err != nil {
		return filterError(err)
	}
	return writeJSON(w, r, found)
}

func linked(links []record.ACLLink, id string) bool {
	return slices.ContainsFunc(links, func(l record.ACLLink) bool { return l.ID == id })
}

func (h *Handler) roleRead(byName bool) endpoint {
	return readNamed(h, byName, "role ID", errNoRole, Store.Role)
}

func (h *Handler) roleCreate(w http.ResponseWriter, r *request) error {
	var x record.ACLRole
	if err := decodeNew(r, "Role", &x, &x.ID); err != nil {
		return err
	}
	return h.roleSet(w, r, &x)
}

func (h *Handler) roleUpdate(w http.ResponseWriter, r *request) error {
	var x record.ACLRole
	if err := decodeChange(r, "Role", &x, &x.ID); err != nil {
		return err
	}
	_, old := h.backend.Store().Role(nil, r.tail, "")
	if r.tail == "" || old == nil {
		return errNoRole
	}
	x.ID = old.ID
	return h.roleSet(w, r, &x)
}

func (h *Handler) roleSet(w http.ResponseWriter, r *request, x *record.ACLRole) (err error) {
	if err := acl.ValidateRoleName(x.Name); err != nil {
		return err
	}
	if x.Policies, err = h.policyLinks(x.Policies); err != nil {
		return err
	}
	if err := checkIdentities(x.ServiceIdentities, x.NodeIdentities); err != nil {
		return err
	}
	if err := completeTemplates(x.TemplatedPolicies); err != nil {
		return err
	}
	x.Hash = acl.HashRole(x)
	if _, err := h.apply(r, fsm.SetRole(x), ""); err != nil {
		return err
	}
	_, x = h.backend.Store().Role(nil, x.ID, "")
	return writeJSON(w, r, x)
}

func (h *Handler) roleDelete(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.ACL, acl.Write, ""); err != nil {
		return err
	}
	if r.tail == "" {
		return badRequest("Missing role ID")
	}
	return h.applyTrue(w, r, fsm.DeleteRole(r.tail), "")
}

// completeTemplates fills in the ID or name of templates, and refuses those whose rules are not known.
func completeTemplates(templates []record.ACLTemplatedPolicy) error {
	for i := range templates {
		t := &templates[i]
		if _, known := acl.TemplatedPolicy(t); !known {
			return fmt.Errorf("no such ACL templated policy with Name %q that this release serves", t.TemplateName)
		}
		if t.TemplateID == acl.NodeTemplateID || t.TemplateName == acl.NodeTemplateName && t.TemplateID == "" {
			t.TemplateID, t.TemplateName = acl.NodeTemplateID, acl.NodeTemplateName
		} else {
			t.TemplateID, t.TemplateName = acl.ServiceTemplateID, acl.ServiceTemplateName
		}
	}
	return nil
}
