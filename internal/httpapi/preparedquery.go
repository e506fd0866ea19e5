package httpapi

import (
	"fmt"
	"net/http"
	"strings"

	uuid "github.com/hashicorp/go-uuid"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/preparedquery"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// What may follow the ID or name of a query in a path.
const (
	executeSuffix = "/execute"
	explainSuffix = "/explain"
)

const uuidLength = 36

var errQueryNotFound = refuse(http.StatusNotFound, "%s", preparedquery.ErrNotFound.Error())

func (h *Handler) preparedQueryRoutes() []route {
	return []route{
		{path: "/v1/query", methods: []method{{http.MethodGet, h.preparedQueryList}, {http.MethodPost, h.preparedQueryCreate}}},
		{path: "/v1/query/", prefix: true, methods: []method{
			{http.MethodGet, h.preparedQueryGet},
			{http.MethodPut, h.preparedQueryUpdate},
			{http.MethodDelete, h.preparedQueryDelete},
		}},
	}
}

// mayManage tells whether the caller may see tokens, and queries that have no name to be ruled by.
func (r *request) mayManage() bool { return r.may(acl.ACL, acl.Write, "") }

// needQuery returns the error that says that the caller lacks a right to a query. One without a name asks for none: who knows its ID
// has it.
func (r *request) needQuery(q *record.PreparedQuery, access acl.Access) error {
	name, ruled := preparedquery.ACLName(q)
	if !ruled {
		return nil
	}
	return r.need(acl.Query, access, name)
}

// shown is a query as the caller may see it.
func (r *request) shown(q *record.PreparedQuery) *record.PreparedQuery {
	if r.mayManage() {
		return q
	}
	return preparedquery.Redact(q)
}

// preparedQueryList leaves out what the caller may not see.
func (h *Handler) preparedQueryList(w http.ResponseWriter, r *request) error {
	return list(h, w, r, func(s Store, watch *state.Watch) (uint64, []preparedquery.Definition) {
		index, found := s.Queries(watch)
		found = visible(r, found, func(q *record.PreparedQuery) bool {
			name, ruled := preparedquery.ACLName(q)
			return ruled && r.may(acl.Query, acl.Read, name) || r.mayManage()
		})
		for i, q := range found {
			found[i] = r.shown(q)
		}
		return index, preparedquery.Forms(found)
	}, func(preparedquery.Definition) bool { return true })
}

func (h *Handler) preparedQueryCreate(w http.ResponseWriter, r *request) error {
	q, err := decodePreparedQuery(r)
	if err != nil {
		return err
	}
	if q.ID != "" {
		return badRequest("ID must be empty when creating a new prepared query")
	}
	if q.ID, err = uuid.GenerateUUID(); err != nil {
		return fmt.Errorf("make a query ID: %w", err)
	}
	if err := h.setPreparedQuery(r, q); err != nil {
		return err
	}
	return writeJSON(w, r, struct{ ID string }{q.ID})
}

func decodePreparedQuery(r *request) (*record.PreparedQuery, error) {
	body, err := readBody(r, maxRequestBody, "")
	if err != nil {
		return nil, err
	}
	q, err := preparedquery.Decode(body)
	if err != nil {
		return nil, badRequest("Request decode failed: %v", err)
	}
	return q, nil
}

// setPreparedQuery stores a query if the caller may and if it is valid.
func (h *Handler) setPreparedQuery(r *request, q *record.PreparedQuery) error {
	if err := r.needQuery(q, acl.Write); err != nil {
		return err
	}
	if err := preparedquery.Validate(q); err != nil {
		return err
	}
	_, err := h.apply(r, fsm.SetQuery(q), "raft apply failed: ")
	return err
}

// preparedQueryGet serves one query, and what is done with it.
func (h *Handler) preparedQueryGet(w http.ResponseWriter, r *request) error {
	if name, ok := strings.CutSuffix(r.tail, executeSuffix); ok {
		return h.cached(func(w http.ResponseWriter, r *request) error { return h.preparedQueryExecute(w, r, name) })(w, r)
	}
	if name, ok := strings.CutSuffix(r.tail, explainSuffix); ok {
		return h.preparedQueryExplain(w, r, name)
	}
	if len(r.tail) != uuidLength {
		return fmt.Errorf("failed prepared query lookup: index error: UUID must be %d characters", uuidLength)
	}
	var q *record.PreparedQuery
	index, err := h.query(r, func(s Store, watch *state.Watch) (index uint64) {
		index, q = s.Query(watch, r.tail)
		return index
	})
	if err != nil {
		return err
	}
	h.setServed(w, r, index)
	if q == nil {
		return errQueryNotFound
	}
	if err := r.needQuery(q, acl.Read); err != nil {
		return err
	}
	return writeJSON(w, r, preparedquery.Forms([]*record.PreparedQuery{r.shown(q)}))
}

func (h *Handler) preparedQueryUpdate(w http.ResponseWriter, r *request) error {
	old, err := h.changeablePreparedQuery(w, r)
	if err != nil {
		return err
	}
	q, err := decodePreparedQuery(r)
	if err != nil {
		return err
	}
	q.ID = old.ID
	return h.setPreparedQuery(r, q)
}

func (h *Handler) preparedQueryDelete(w http.ResponseWriter, r *request) error {
	old, err := h.changeablePreparedQuery(w, r)
	if err != nil {
		return err
	}
	_, err = h.apply(r, fsm.DeleteQuery(old.ID), "raft apply failed: ")
	return err
}

// changeablePreparedQuery returns the stored query of the request's path, if the caller may change it.
func (h *Handler) changeablePreparedQuery(w http.ResponseWriter, r *request) (*record.PreparedQuery, error) {
	if strings.HasSuffix(r.tail, executeSuffix) || strings.HasSuffix(r.tail, explainSuffix) {
		w.Header()["Allow"] = []string{"OPTIONS,GET"}
		return nil, refuse(http.StatusMethodNotAllowed, "method %s not allowed", r.Method)
	}
	if err := h.barrier(r.Context(), freshness{}); err != nil {
		return nil, err
	}
	_, q := h.backend.Store().Query(nil, r.tail)
	if q == nil {
		return nil, fmt.Errorf("Cannot modify non-existent prepared query: '%s'", r.tail)
	}
	return q, r.needQuery(q, acl.Write)
}
