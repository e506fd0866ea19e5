package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	uuid "github.com/hashicorp/go-uuid"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

const (
	defaultLockDelay = 15 * time.Second
	maxSessionTTL    = 24 * time.Hour
	// secondsBelow is up to where a lock delay given as a number is one of seconds: nobody means so few nanoseconds.
	secondsBelow = 1000
)

func (h *Handler) sessionRoutes() []route {
	get := func(path string, serve endpoint) route {
		return route{path: path, prefix: strings.HasSuffix(path, "/"), methods: []method{{http.MethodGet, serve}}}
	}
	put := func(path string, serve endpoint) route {
		return route{path: path, prefix: strings.HasSuffix(path, "/"), methods: []method{{http.MethodPut, serve}}}
	}
	return []route{
		{path: "/v1/session/create", datacenterInBody: true, methods: []method{{http.MethodPut, h.sessionCreate}}},
		put("/v1/session/destroy/", h.sessionDestroy),
		put("/v1/session/renew/", h.sessionRenew),
		get("/v1/session/info/", h.sessionInfo),
		get("/v1/session/node/", h.sessionNode),
		get("/v1/session/list", h.sessionList),
	}
}

// A sessionRequest is the body of a request for a session. Nil lists of checks mean that they were not given.
type sessionRequest struct {
	Name          string
	Node          string
	Datacenter    string
	LockDelay     json.RawMessage
	Behavior      string
	TTL           json.RawMessage
	Checks        []string
	NodeChecks    []string
	ServiceChecks []record.SessionServiceCheck
}

func (h *Handler) sessionCreate(w http.ResponseWriter, r *request) error {
	var body sessionRequest
	text, err := readBody(r, maxRequestBody, "")
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(text)) > 0 {
		if err := json.Unmarshal(text, &body); err != nil {
			return badRequest("Request decode failed: %v", err)
		}
	}
	if body.Node == "" {
		body.Node = h.agentNode(r)
	}
	s, err := h.newSession(&body)
	if err != nil {
		return err
	}
	if err := r.need(acl.Session, acl.Write, s.Node); err != nil {
		return err
	}
	if _, err := h.apply(r, fsm.CreateSession(s), "apply failed: "); err != nil {
		return err
	}
	return writeJSON(w, r, struct{ ID string }{s.ID})
}

// newSession checks a request for a session and fills in what it leaves out.
func (h *Handler) newSession(b *sessionRequest) (*record.Session, error) {
	id, err := uuid.GenerateUUID()
	if err != nil {
		return nil, fmt.Errorf("make a session ID: %w", err)
	}
	s := &record.Session{ID: id, Name: b.Name, Node: b.Node, Behavior: b.Behavior, LockDelay: defaultLockDelay,
		NodeChecks: b.NodeChecks, ServiceChecks: b.ServiceChecks}
	switch {
	case b.NodeChecks == nil && b.Checks == nil:
		s.NodeChecks = []string{state.SerfHealth}
	case b.NodeChecks == nil: // the form before 1.7
		s.NodeChecks = b.Checks
	}
	switch s.Behavior {
	case "":
		s.Behavior = "release"
	case "release", "delete":
	default:
		return nil, fmt.Errorf("Invalid Behavior setting '%s'", s.Behavior)
	}
	if s.LockDelay, err = lockDelayOf(b.LockDelay); err != nil {
		return nil, err
	}
	s.TTL, err = h.sessionTTL(b.TTL)
	return s, err
}

// lockDelayOf reads a lock delay: text, a small number of seconds, or one of nanoseconds.
func lockDelayOf(raw json.RawMessage) (time.Duration, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return defaultLockDelay, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, badRequest("Request decode failed: %v", err)
		}
		return d, nil
	}
	var number float64
	if err := json.Unmarshal(raw, &number); err != nil {
		return 0, badRequest("Request decode failed: %v", err)
	}
	if number < secondsBelow {
		return time.Duration(number) * time.Second, nil
	}
	return time.Duration(number), nil
}

// sessionTTL reads a TTL, and checks that it is neither too short nor too long.
func (h *Handler) sessionTTL(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		var number int64
		if err := json.Unmarshal(raw, &number); err != nil {
			return "", badRequest("Request decode failed: %v", err)
		}
		text = time.Duration(number).String()
	}
	if text == "" {
		return "", nil
	}
	ttl, err := time.ParseDuration(text)
	if err != nil {
		return "", fmt.Errorf("Session TTL '%s' invalid: %w", text, err)
	}
	if ttl != 0 && (ttl < h.cfg.SessionTTLMin || ttl > maxSessionTTL) {
		return "", fmt.Errorf("Invalid Session TTL '%d', must be between [%v=%v]", ttl, h.cfg.SessionTTLMin, maxSessionTTL)
	}
	return text, nil
}

func (h *Handler) sessionDestroy(w http.ResponseWriter, r *request) error {
	if r.tail == "" {
		return badRequest("Missing session")
	}
	_, s := h.backend.Store().Session(nil, r.tail)
	if s == nil { // it says so only if it is certain that nobody has it
		if err := h.backend.ReadBarrier(r.Context(), Consistent); err != nil {
			return err
		}
		if _, s = h.backend.Store().Session(nil, r.tail); s == nil {
			return writeJSON(w, r, true)
		}
	}
	if err := r.need(acl.Session, acl.Write, s.Node); err != nil {
		return err
	}
	return h.applyTrue(w, r, fsm.DestroySession(s.ID), "apply failed: ")
}

func (h *Handler) sessionRenew(w http.ResponseWriter, r *request) error {
	if r.tail == "" {
		return badRequest("Missing session")
	}
	if err := h.backend.ReadBarrier(r.Context(), Default); err != nil {
		return err
	}
	index, s := h.backend.Store().Session(nil, r.tail)
	if s == nil {
		return refuse(http.StatusNotFound, "Session id '%s' not found", r.tail)
	}
	if err := r.need(acl.Session, acl.Write, s.Node); err != nil {
		return err
	}
	if err := h.backend.RenewSession(r.Context(), s.ID); err != nil {
		return err
	}
	h.setMeta(w, index)
	return writeJSON(w, r, []*record.Session{s})
}

func (h *Handler) sessionInfo(w http.ResponseWriter, r *request) error {
	if r.tail == "" {
		return badRequest("Missing session")
	}
	return h.sessions(w, r, func(s Store, watch *state.Watch) (uint64, []*record.Session) {
		index, found := s.Session(watch, r.tail)
		if found == nil {
			return index, nil
		}
		return index, []*record.Session{found}
	})
}

func (h *Handler) sessionNode(w http.ResponseWriter, r *request) error {
	if r.tail == "" {
		return badRequest("Missing node name")
	}
	return h.sessions(w, r, func(s Store, watch *state.Watch) (uint64, []*record.Session) { return s.NodeSessions(watch, r.tail) })
}

func (h *Handler) sessionList(w http.ResponseWriter, r *request) error {
	return h.sessions(w, r, Store.Sessions)
}

func (h *Handler) sessions(w http.ResponseWriter, r *request, get func(Store, *state.Watch) (uint64, []*record.Session)) error {
	var found []*record.Session
	index, err := h.query(r, func(s Store, watch *state.Watch) (index uint64) {
		index, found = get(s, watch)
		return index
	})
	if err != nil {
		return err
	}
	found = visible(r, found, func(s *record.Session) bool { return r.may(acl.Session, acl.Read, s.Node) })
	h.setMeta(w, index)
	h.setHidden(w, r)
	return writeJSON(w, r, found)
}
