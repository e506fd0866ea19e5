package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// ACLReplication is the answer of /v1/acl/replication: how it goes with the ACLs that come from the primary datacenter.
type ACLReplication struct {
	Enabled, Running                                           bool
	SourceDatacenter, ReplicationType                          string
	ReplicatedIndex, ReplicatedRoleIndex, ReplicatedTokenIndex uint64
	LastSuccess, LastError                                     time.Time
	LastErrorMessage                                           string
}

// aclReplication answers for this datacenter. In the primary there is nothing to tell.
func (h *Handler) aclReplication(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.ACL, acl.Read, ""); err != nil {
		return err
	}
	var status ACLReplication
	if h.secondary() {
		status = h.backend.ACLReplication()
	}
	return writeJSON(w, r, status)
}

// secondary tells whether another datacenter has the ACLs of this one.
func (h *Handler) secondary() bool {
	return cmp.Or(h.cfg.PrimaryDatacenter, h.backend.Datacenter()) != h.backend.Datacenter()
}

// needsPrimary refuses what only the primary datacenter may do, should it be asked for here by name.
func (h *Handler) needsPrimary(serve endpoint) endpoint {
	return func(w http.ResponseWriter, r *request) error {
		if h.secondary() {
			return h.errPrimary()
		}
		return serve(w, r)
	}
}

func (h *Handler) errPrimary() error {
	return badRequest("policies, roles, tokens that are not local and the bootstrap of ACLs are a matter of the primary datacenter: "+
		"ask with ?dc=%s", h.cfg.PrimaryDatacenter)
}

// mayKeep refuses a token that is not this datacenter's to write.
func (h *Handler) mayKeep(t *record.ACLToken) error {
	switch {
	case h.secondary() && !t.Local:
		return h.errPrimary()
	case h.secondary() && !h.cfg.TokenReplication:
		return badRequest("there are no local tokens in a datacenter without token replication: set acl.enable_token_replication on its servers, " +
			"or make a token that is not local")
	}
	return nil
}

// homeOf is the datacenter that must answer a request with method m which names none, empty for this one. Only servers know; on other
// agents it is always empty, and a server of theirs is to be asked. It may read the request's body, and keeps it.
func (h *Handler) homeOf(rt *route, m string, r *request) string {
	if !h.backend.IsServer() || !h.secondary() || !h.backend.ACLEnabled() || !h.primaryAnswers(rt, m, r) {
		return ""
	}
	return h.cfg.PrimaryDatacenter
}

func (h *Handler) primaryAnswers(rt *route, m string, r *request) bool {
	switch rt.path {
	case "/v1/acl/bootstrap":
		return true
	case "/v1/acl/policy", "/v1/acl/policy/", "/v1/acl/role", "/v1/acl/role/":
		return m != http.MethodGet
	case "/v1/acl/tokens":
		return !h.cfg.TokenReplication
	case "/v1/acl/token":
		return !wantsLocal(r)
	case "/v1/acl/token/self":
		return !h.knowsCaller(r)
	case "/v1/acl/token/":
		if m == http.MethodGet && h.cfg.TokenReplication {
			return false
		}
		return !h.isLocal(r.Context(), strings.TrimSuffix(r.tail, "/clone"))
	}
	return false
}

// wantsLocal tells whether a request is for a local token. One that cannot be read is not: whoever answers says why.
func wantsLocal(r *request) bool {
	if r.Body == nil || r.Body == http.NoBody {
		return false
	}
	if r.body == nil {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBody+1))
		if err != nil || int64(len(body)) > maxRequestBody {
			r.Body = &joinedBody{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
			return false
		}
		r.body = body
		r.Body = &joinedBody{bytes.NewReader(body), r.Body}
	}
	var token struct{ Local bool }
	return json.Unmarshal(r.body, &token) == nil && token.Local
}

// joinedBody is a body of which something has been read before.
type joinedBody struct {
	io.Reader
	io.Closer
}

// knowsCaller tells whether the token that a request comes with is one that this datacenter can show.
func (h *Handler) knowsCaller(r *request) bool {
	secret := cmp.Or(secretOf(r), h.backend.AgentToken(agenttoken.Default), acl.AnonymousSecretID)
	_, t := h.backend.Store().TokenBySecret(nil, secret)
	return t != nil && (t.Local || h.cfg.TokenReplication)
}

// followed is how long a follower may be behind the leader with a new token.
const followed = 250 * time.Millisecond

// isLocal tells whether the token with an accessor ID is one of this datacenter alone.
func (h *Handler) isLocal(ctx context.Context, accessor string) bool {
	ctx, cancel := context.WithTimeout(ctx, followed)
	defer cancel()
	for {
		w := state.NewWatch()
		_, t := h.backend.Store().Token(w, accessor)
		done := t != nil || h.backend.Leading() || !h.cfg.TokenReplication || w.Wait(ctx) != nil
		w.Close()
		if done {
			return t != nil && t.Local
		}
	}
}
