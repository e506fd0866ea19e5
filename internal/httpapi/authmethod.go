package httpapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// Auth methods and binding rules are what logins follow. There are none here: they are carried, and shown.
var (
	errNoAuthMethod  = refuse(http.StatusNotFound, "Requested auth method does not exist: ACL not found")
	errNoBindingRule = refuse(http.StatusNotFound, "Requested binding rule does not exist: ACL not found")
)

// An authMethod is a method as clients read it: with the time as text, and in lists without its configuration, which may hold secrets.
type authMethod struct {
	*record.ACLAuthMethod
	MaxTokenTTL string `json:",omitempty"`
	Config      any    `json:",omitempty"`
}

func shownAuthMethod(m *record.ACLAuthMethod, withConfig bool) authMethod {
	shown := authMethod{ACLAuthMethod: m}
	if m.MaxTokenTTL != 0 {
		shown.MaxTokenTTL = m.MaxTokenTTL.Round(time.Second).String()
	}
	if withConfig {
		shown.Config = m.Config
	}
	return shown
}

func (h *Handler) authMethodList(w http.ResponseWriter, r *request) error {
	var found []*record.ACLAuthMethod
	if err := h.aclRead(w, r, func(s Store, watch *state.Watch) (index uint64) {
		index, found = s.AuthMethods(watch)
		return index
	}); err != nil {
		return err
	}
	found, err := filtered(r, found)
	if err != nil {
		return filterError(err)
	}
	shown := make([]authMethod, 0, len(found))
	for _, m := range found {
		shown = append(shown, shownAuthMethod(m, false))
	}
	return writeJSON(w, r, shown)
}

func (h *Handler) authMethodRead(w http.ResponseWriter, r *request) error {
	return readOne(h, w, r, "auth method name", errNoAuthMethod, func(s Store, watch *state.Watch) (uint64, *record.ACLAuthMethod) {
		index, methods := s.AuthMethods(watch)
		return index, find(methods, func(m *record.ACLAuthMethod) bool { return m.Name == r.tail })
	}, func(m *record.ACLAuthMethod) any { return shownAuthMethod(m, true) })
}

// find returns the first of items that fits, nil if none does.
func find[T any](items []*T, fits func(*T) bool) *T {
	if i := slices.IndexFunc(items, fits); i >= 0 {
		return items[i]
	}
	return nil
}

func (h *Handler) bindingRuleList(w http.ResponseWriter, r *request) error {
	kept := []*record.ACLBindingRule{}
	if err := h.aclRead(w, r, func(s Store, watch *state.Watch) uint64 {
		index, rules := s.BindingRules(watch)
		kept = kept[:0]
		for _, rule := range rules {
			if method := r.query.Get("authmethod"); method == "" || rule.AuthMethod == method {
				kept = append(kept, rule)
			}
		}
		return index
	}); err != nil {
		return err
	}
	kept, err := filtered(r, kept)
	if err != nil {
		return filterError(err)
	}
	return writeJSON(w, r, kept)
}

func (h *Handler) bindingRuleRead(w http.ResponseWriter, r *request) error {
	return readOne(h, w, r, "binding rule ID", errNoBindingRule, func(s Store, watch *state.Watch) (uint64, *record.ACLBindingRule) {
		index, rules := s.BindingRules(watch)
		return index, find(rules, func(rule *record.ACLBindingRule) bool { return rule.ID == r.tail })
	}, func(rule *record.ACLBindingRule) any { return rule })
}
