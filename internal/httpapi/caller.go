package httpapi

import (
	"strings"

	"github.com/lictor-dr/lictor/internal/acl"
)

// secretOf returns the token that a request carries, empty without one.
func secretOf(r *request) string {
	if secret := r.query.Get("token"); secret != "" {
		return secret
	}
	if secret := r.Header.Get("X-Consul-Token"); secret != "" {
		return secret
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(secret)
	}
	return ""
}

// may tells whether the caller has a right.
func (r *request) may(what acl.Resource, access acl.Access, name string) bool {
	return r.caller.Rights.Allow(what, access, name)
}

// need returns the error that says which right the caller lacks, nil if it is there.
func (r *request) need(what acl.Resource, access acl.Access, name string) error {
	if r.may(what, access, name) {
		return nil
	}
	return r.denied(what, access, name)
}

// needPrefix is need for all names that begin with prefix.
func (r *request) needPrefix(what acl.Resource, access acl.Access, prefix string) error {
	if r.caller.Rights.AllowPrefix(what, access, prefix) {
		return nil
	}
	return r.denied(what, access, prefix)
}

func (r *request) denied(what acl.Resource, access acl.Access, name string) error {
	return acl.Denied(r.caller.Accessor, r.caller.Anonymous, what, access, name)
}

// visible returns those of items that may be seen; the answer says if there were others.
func visible[T any](r *request, items []T, may func(T) bool) []T {
	kept := make([]T, 0, len(items))
	for _, x := range items {
		if may(x) {
			kept = append(kept, x)
		}
	}
	if len(kept) < len(items) {
		r.hidden = true
	}
	return kept
}
