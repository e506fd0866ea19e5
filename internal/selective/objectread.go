package selective

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
)

// now reads what is there in the place of an object, nil for nothing.
func (w *objectWriter) now(ctx context.Context, family string, before, after *object.Object) (*object.Object, error) {
	known := before
	if known == nil {
		known = after
	}
	switch v := known.Value.(type) {
	case *record.ACLPolicy:
		return readOne[record.ACLPolicy](ctx, w.plan.target, family, aclPath("policy", before, v.Name))
	case *record.ACLRole:
		return readOne[record.ACLRole](ctx, w.plan.target, family, aclPath("role", before, v.Name))
	case *record.ACLToken:
		if v.AccessorID == "" { // the server makes one, unless the secret is taken
			return nil, nil
		}
		return readOne[record.ACLToken](ctx, w.plan.target, family, "/v1/acl/token/"+url.PathEscape(v.AccessorID))
	case *record.PreparedQuery:
		return w.nowQuery(ctx, before, v)
	}
	return w.nowRegistered(ctx, known)
}

// aclPath is where a policy or role is read: by its ID if it was there, and else by its name.
func aclPath(kind string, before *object.Object, name string) string {
	if before != nil {
		return "/v1/acl/" + kind + "/" + url.PathEscape(idOf(before))
	}
	return "/v1/acl/" + kind + "/name/" + url.PathEscape(name)
}

// readOne reads an object, nil if it is not there.
func readOne[T any](ctx context.Context, t *Target, family, path string) (*object.Object, error) {
	value := new(T)
	_, err := t.get(ctx, path, value)
	if code := status(err); code == http.StatusNotFound || code == http.StatusForbidden && missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o, err := objectOf(family, value)
	if err != nil {
		return nil, err
	}
	return normalObject(o)
}

// nowQuery reads a query: by its ID if it was there, and else one with its name, or with its content if it has none.
func (w *objectWriter) nowQuery(ctx context.Context, before *object.Object, q *record.PreparedQuery) (*object.Object, error) {
	var list []json.RawMessage
	path := "/v1/query"
	if before != nil {
		path += "/" + url.PathEscape(q.ID)
	}
	_, err := w.plan.target.get(ctx, path, &list)
	if status(err) == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, text := range list {
		found, err := decodeQuery(text)
		if err != nil {
			return nil, err
		}
		o, err := objectOf(object.FamilyQuery, found)
		if err != nil {
			return nil, err
		}
		if o, err = normalObject(o); err != nil {
			return nil, err
		}
		same := before != nil || q.Name != "" && object.Fold(found.Name) == object.Fold(q.Name)
		if !same && q.Name == "" {
			if same, err = sameQuery(o, q); err != nil {
				return nil, err
			}
		}
		if same {
			return o, nil
		}
	}
	return nil, nil
}

// sameQuery tells whether a query has the content of one that may have another ID.
func sameQuery(o *object.Object, q *record.PreparedQuery) (bool, error) {
	x := *q
	x.ID = idOf(o)
	want, err := objectOf(object.FamilyQuery, &x)
	if err != nil {
		return false, err
	}
	if want, err = normalObject(want); err != nil {
		return false, err
	}
	return alike(o, want)
}

// nowRegistered reads a node, or what is registered on it.
func (w *objectWriter) nowRegistered(ctx context.Context, known *object.Object) (*object.Object, error) {
	on := onOf(known)
	var answer struct {
		Node     *nodeForm
		Services []*record.NodeService
	}
	if _, err := w.plan.target.get(ctx, "/v1/catalog/node-services/"+url.PathEscape(on.Node), &answer); err != nil || answer.Node == nil {
		return nil, err
	}
	v, r := newView(), answer.Node.register()
	if err := v.addValue(object.FamilyNode, r); err != nil {
		return nil, err
	}
	for _, s := range answer.Services {
		x := *r
		x.Service = s
		if err := v.addValue(object.FamilyService, &x); err != nil {
			return nil, err
		}
	}
	if known.Family == object.FamilyCheck {
		var checks []*record.HealthCheck
		if _, err := w.plan.target.get(ctx, "/v1/health/node/"+url.PathEscape(on.Node), &checks); err != nil {
			return nil, err
		}
		for _, c := range checks {
			x := *r
			x.Check = c
			if err := v.addValue(object.FamilyCheck, &x); err != nil {
				return nil, err
			}
		}
	}
	return v.byID[known.ID], nil
}
