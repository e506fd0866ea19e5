package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

const (
	minTokenTTL = time.Minute
	maxTokenTTL = 24 * time.Hour
	hidden      = "<hidden>" // stands for a secret that the caller may not see
)

var errNoToken = refuse(http.StatusForbidden, "token does not exist: ACL not found")

// A tokenRequest is the body of a request for a token.
type tokenRequest struct {
	record.ACLToken
	ExpirationTTL json.RawMessage
}

// shownToken is a token as the caller may see it.
func (r *request) shownToken(t *record.ACLToken) *record.ACLToken {
	if r.may(acl.ACL, acl.Write, "") {
		return t
	}
	redacted := *t
	redacted.SecretID = hidden
	return &redacted
}

func (h *Handler) tokenList(w http.ResponseWriter, r *request) error {
	policy, role := r.query.Get("policy"), r.query.Get("role")
	service, method := r.query.Get("servicename"), r.query.Get("authmethod")
	if service != "" && (policy != "" || role != "" || method != "") {
		return badRequest("can only filter by one of: policy, role, servicename or authmethod")
	}
	var found []*record.ACLToken
	if err := h.aclRead(w, r, func(s Store, watch *state.Watch) (index uint64) {
		index, found = s.Tokens(watch)
		return index
	}); err != nil {
		return err
	}
	named := func(i record.ACLServiceIdentity) bool { return i.ServiceName == service }
	kept := []*record.ACLToken{}
	for _, t := range found {
		if (policy == "" || linked(t.Policies, policy)) && (role == "" || linked(t.Roles, role)) &&
			(service == "" || slices.ContainsFunc(t.ServiceIdentities, named)) && (method == "" || t.AuthMethod == method) {
			kept = append(kept, r.shownToken(t))
		}
	}
	kept, err := filtered(r, kept)
	if err != nil {
		return filterError(err)
	}
	return writeJSON(w, r, kept)
}

func (h *Handler) tokenSelf(w http.ResponseWriter, r *request) error {
	var t *record.ACLToken
	index, err := h.query(r, func(s Store, watch *state.Watch) (index uint64) {
		index, t = s.TokenBySecret(watch, r.caller.Secret)
		return index
	})
	if err != nil {
		return err
	}
	if t == nil || r.caller.Anonymous {
		return errNoToken
	}
	h.setMeta(w, index)
	return writeJSON(w, r, t)
}

func (h *Handler) tokenRead(w http.ResponseWriter, r *request) error {
	return readOne(h, w, r, "token AccessorID", errNoToken,
		func(s Store, watch *state.Watch) (uint64, *record.ACLToken) { return s.Token(watch, r.tail) },
		func(t *record.ACLToken) any {
			if t = r.shownToken(t); r.query.Get("expanded") == "true" {
				return h.expand(t)
			}
			return t
		})
}

func (h *Handler) tokenCreate(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.ACL, acl.Write, ""); err != nil {
		return err
	}
	var body tokenRequest
	if err := decodeBody(r, &body); err != nil {
		return err
	}
	made, err := newToken(body.SecretID)
	if err != nil {
		return err
	}
	t := &body.ACLToken
	if err := h.mayKeep(t); err != nil {
		return err
	}
	if t.AccessorID == "" {
		t.AccessorID = made.AccessorID
	} else if !isUUID(t.AccessorID) {
		return errors.New("Invalid Token: AccessorID is not a valid UUID")
	}
	if _, used := h.backend.Store().Token(nil, t.AccessorID); used != nil {
		return errors.New("Invalid Token: AccessorID is already in use")
	}
	t.SecretID, t.CreateTime, t.AuthMethod = made.SecretID, made.CreateTime, ""
	if err := setExpiration(t, body.ExpirationTTL); err != nil {
		return err
	}
	return h.tokenSet(w, r, t)
}

// setExpiration works out when a new token ends.
func setExpiration(t *record.ACLToken, raw json.RawMessage) error {
	ttl, err := durationOf(raw)
	if err != nil {
		return err
	}
	switch {
	case ttl != 0 && t.ExpirationTime != nil:
		return errors.New("Token Expiration TTL and Expiration Time cannot both be set")
	case ttl != 0:
		ends := t.CreateTime.Add(ttl)
		t.ExpirationTime = &ends
	case t.ExpirationTime == nil || t.ExpirationTime.IsZero():
		t.ExpirationTime = nil
		return nil
	}
	switch left := t.ExpirationTime.Sub(t.CreateTime); {
	case left < minTokenTTL:
		return fmt.Errorf("ExpirationTime cannot be less than %v in the future (was %v)", minTokenTTL, left)
	case left > maxTokenTTL:
		return fmt.Errorf("ExpirationTime cannot be more than %v in the future (was %v)", maxTokenTTL, left)
	}
	return nil
}

// durationOf reads a duration: text, or a number of nanoseconds.
func durationOf(raw json.RawMessage) (time.Duration, error) {
	var text string
	var number int64
	switch {
	case len(raw) == 0 || json.Unmarshal(raw, &number) == nil:
		return time.Duration(number), nil
	case json.Unmarshal(raw, &text) != nil:
		return 0, badRequest("Request decode failed: a duration is text or a number")
	case text == "":
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, badRequest("Request decode failed: %v", err)
	}
	return d, nil
}

// tokenWrite changes a token, or clones it.
func (h *Handler) tokenWrite(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.ACL, acl.Write, ""); err != nil {
		return err
	}
	accessor, clone := strings.CutSuffix(r.tail, "/clone")
	var body tokenRequest
	if err := decodeBody(r, &body); err != nil {
		return err
	}
	_, old := h.backend.Store().Token(nil, accessor)
	if accessor == "" || old == nil {
		return errNoToken
	}
	if err := h.mayKeep(old); err != nil {
		return err
	}
	if clone {
		return h.tokenClone(w, r, old, body.Description)
	}
	t := &body.ACLToken
	switch {
	case t.AccessorID != "" && t.AccessorID != accessor:
		return badRequest("Token Accessor ID in URL and payload do not match")
	case t.SecretID != "" && t.SecretID != hidden && t.SecretID != old.SecretID:
		return errors.New("Changing a token's SecretID is not permitted")
	case t.Local != old.Local:
		return fmt.Errorf("Cannot toggle local mode of %s", accessor)
	}
	t.AccessorID, t.SecretID, t.CreateTime = old.AccessorID, old.SecretID, old.CreateTime
	t.ExpirationTime, t.AuthMethod = old.ExpirationTime, old.AuthMethod
	return h.tokenSet(w, r, t)
}

func (h *Handler) tokenClone(w http.ResponseWriter, r *request, old *record.ACLToken, description string) error {
	if old.AccessorID == acl.AnonymousAccessorID {
		return errors.New("Cannot clone the anonymous token")
	}
	made, err := newToken("")
	if err != nil {
		return err
	}
	t := *old
	t.AccessorID, t.SecretID, t.CreateTime = made.AccessorID, made.SecretID, made.CreateTime
	if description != "" {
		t.Description = description
	}
	return h.tokenSet(w, r, &t)
}

func (h *Handler) tokenSet(w http.ResponseWriter, r *request, t *record.ACLToken) (err error) {
	if t.Policies, err = h.policyLinks(t.Policies); err != nil {
		return err
	}
	if t.Roles, err = h.roleLinks(t.Roles); err != nil {
		return err
	}
	if err := checkIdentities(t.ServiceIdentities, t.NodeIdentities); err != nil {
		return err
	}
	if err := completeTemplates(t.TemplatedPolicies); err != nil {
		return err
	}
	t.Hash = acl.HashToken(t)
	if _, err := h.apply(r, fsm.SetToken(t, false), ""); err != nil {
		return err
	}
	_, t = h.backend.Store().Token(nil, t.AccessorID)
	return writeJSON(w, r, t)
}

func (h *Handler) tokenDelete(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.ACL, acl.Write, ""); err != nil {
		return err
	}
	_, t := h.backend.Store().Token(nil, r.tail)
	switch {
	case r.tail == "":
		return badRequest("Missing token AccessorID")
	case t == nil:
		return refuse(http.StatusNotFound, "Cannot find token to delete")
	case t.AccessorID == acl.AnonymousAccessorID:
		return errors.New("Delete operation not permitted on the anonymous token")
	case h.secondary() && !t.Local:
		return h.errPrimary()
	}
	return h.applyTrue(w, r, fsm.DeleteTokens([]string{t.AccessorID}), "")
}
