package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/lictor-dr/lictor/internal/preparedquery"
	"github.com/lictor-dr/lictor/internal/record"
)

// A remoteQuery is a prepared query that a server of another datacenter executes in its own.
type remoteQuery struct {
	Query   json.RawMessage // a preparedquery.Definition, filled in and without its token: the request carries that
	Limit   int
	Connect bool
}

// remoteNodes is what it has found.
type remoteNodes struct{ Nodes []*healthView }

// Datacenters are all that are known.
func (s *querySource) Datacenters(context.Context) ([]string, error) {
	return s.h.backend.Datacenters(), nil
}

// Remote has another datacenter execute a query, with the rights of its token or, if it has none, with the caller's.
func (s *querySource) Remote(ctx context.Context, datacenter string, q *record.PreparedQuery, o preparedquery.Options) (*preparedquery.Result, error) {
	form := preparedquery.Form(q)
	form.Token = ""
	definition, err := json.Marshal(form)
	if err != nil {
		return nil, fmt.Errorf("encode prepared query %s: %w", q.ID, err)
	}
	body, err := json.Marshal(remoteQuery{definition, o.Limit, o.Connect})
	if err != nil {
		return nil, fmt.Errorf("encode prepared query %s: %w", q.ID, err)
	}
	secret := q.Token
	if secret == "" {
		secret = s.h.secretToSend(s.as)
	}
	var found remoteNodes
	header, err := s.h.inquire(ctx, s.as, datacenter, inquiry{
		method: http.MethodPost, path: asFresh(internalQueryPath, s.as), secret: secret, body: body, limit: s.h.cfg.FailoverTimeout,
	}, &found)
	if err != nil {
		return nil, err
	}
	if header.Get("X-Consul-Results-Filtered-By-Acls") != "" {
		s.as.hidden = true
	}
	nodes, err := found.instances()
	if err != nil {
		return nil, fmt.Errorf("the answer of datacenter %s: %w", datacenter, err)
	}
	return &preparedquery.Result{Service: q.Service.Service, Nodes: nodes, DNS: preparedquery.DNS{TTL: q.DNS.TTL}, Datacenter: datacenter}, nil
}

// instances are the nodes in the form that they had there.
func (n *remoteNodes) instances() ([]preparedquery.Instance, error) {
	all := make([]preparedquery.Instance, 0, len(n.Nodes))
	for _, v := range n.Nodes {
		if v == nil || v.Node == nil || v.Service == nil || slices.Contains(v.Checks, nil) {
			return nil, errors.New("an instance lacks its node, its service or a check")
		}
		all = append(all, preparedquery.Instance{Service: v.Service, Checks: v.Checks, Node: &record.Register{
			ID: v.Node.ID, Node: v.Node.Node, Address: v.Node.Address, Datacenter: v.Node.Datacenter, TaggedAddresses: v.Node.TaggedAddresses,
			NodeMeta: v.Node.Meta, CreateIndex: v.Node.CreateIndex, ModifyIndex: v.Node.ModifyIndex,
		}})
	}
	return all, nil
}

// internalQuery executes a query of another datacenter here, and here alone.
func (h *Handler) internalQuery(w http.ResponseWriter, r *request) error {
	f, err := parseFreshness(r)
	if err != nil {
		return err
	}
	var asked remoteQuery
	if err := decodeBody(r, &asked); err != nil {
		return err
	}
	q, err := preparedquery.Decode(asked.Query)
	if err != nil {
		return badRequest("Request decode failed: %v", err)
	}
	if err := h.barrier(r.Context(), f); err != nil {
		return err
	}
	// Without an agent: what is near one of another datacenter cannot be told from here.
	result, err := preparedquery.ExecuteHere(r.Context(), &querySource{h, h.backend.Store(), r}, q, preparedquery.Options{
		Datacenter: h.backend.Datacenter(), Limit: asked.Limit, Connect: asked.Connect, Logger: h.log,
	})
	if err != nil {
		return err
	}
	h.setServed(w, r, 1)
	return writeJSON(w, r, remoteNodes{viewResults(result.Nodes)})
}
