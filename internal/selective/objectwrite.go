package selective

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/lictor-dr/lictor/internal/diff"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/preparedquery"
	"github.com/lictor-dr/lictor/internal/record"
)

// An objectWriter writes what is no key, one after the other.
type objectWriter struct {
	plan *Plan
	out  *Outcome
	made map[string]string // IDs that the datacenter has given, by those of the source
}

// writeAll carries out the changes of a family: those that remove, or the others.
func (w *objectWriter) writeAll(ctx context.Context, family string, remove bool) error {
	counts := w.plan.count(family)
	if remove && counts.Removed == 0 || !remove && counts.Added+counts.Changed == 0 {
		return nil
	}
	for c := range w.plan.Changes() {
		if c.Family != family || (c.What == diff.Removed) != remove {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := w.write(ctx, &c); err != nil {
			return err
		}
	}
	return nil
}

// write carries out one change. What is there is read right before, and left alone if it is not what the plan saw. An error says that the
// restore is broken off.
func (w *objectWriter) write(ctx context.Context, c *diff.Change) error {
	before, after, err := both(c)
	if err != nil {
		return err
	}
	if after, err = w.linked(after); err != nil {
		return err
	}
	tried := false
	err = w.plan.target.again(ctx, transient, func() error {
		now, err := w.now(ctx, c.Family, before, after)
		if err != nil {
			return err
		}
		done, err := asWanted(now, after)
		switch {
		case err != nil:
			return err
		case done && tried: // by a request whose answer is lost
			w.out.applied(c.Family, c.What)
			return w.learn(now, after)
		case done:
			w.out.already()
			return w.learn(now, after)
		}
		if seen, err := sameAsSeen(before, now); err != nil || !seen {
			if err == nil {
				w.out.conflict(c.Family, c.Name, changedSince)
			}
			return err
		}
		tried = true
		return w.send(ctx, c, now, after)
	})
	if err != nil && (status(err) != 0 && !transient(err) || errors.Is(err, errRefused)) {
		w.out.fail(c.Family, c.Name, err)
		return nil
	}
	return err
}

// errRefused says that a transaction was rolled back.
var errRefused = errors.New("the datacenter refused it")

// asWanted tells whether what is there is what is to be there. IDs that the datacenter gives do not count.
func asWanted(now, after *object.Object) (bool, error) {
	if now == nil || after == nil {
		return now == nil && after == nil, nil
	}
	value, err := normalValue(after.Value)
	if err != nil {
		return false, err
	}
	switch v := value.(type) {
	case *record.ACLPolicy:
		v.ID = idOf(now)
	case *record.ACLRole:
		v.ID = idOf(now)
	case *record.PreparedQuery:
		v.ID = idOf(now)
	case *record.ACLToken:
		x := now.Value.(*record.ACLToken)
		v.AccessorID, v.CreateTime = x.AccessorID, x.CreateTime
	}
	o, err := objectOf(after.Family, value)
	if err != nil {
		return false, err
	}
	return alike(now, o)
}

// sameAsSeen tells whether what is there is what the plan saw. What was written again with the same content is.
func sameAsSeen(before, now *object.Object) (bool, error) {
	if before == nil || now == nil {
		return before == nil && now == nil, nil
	}
	if before.Modified == now.Modified {
		return true, nil
	}
	return alike(before, now)
}

// linked is an object with links to what was made meanwhile.
func (w *objectWriter) linked(o *object.Object) (*object.Object, error) {
	if o == nil || len(w.made) == 0 {
		return o, nil
	}
	value, err := normalValue(o.Value)
	if err != nil {
		return nil, err
	}
	switch v := value.(type) {
	case *record.ACLRole:
		w.relink(v.Policies)
	case *record.ACLToken:
		w.relink(v.Policies)
		w.relink(v.Roles)
	default:
		return o, nil
	}
	return objectOf(o.Family, value)
}

func (w *objectWriter) relink(links []record.ACLLink) {
	for i := range links {
		if id, ok := w.made[links[i].ID]; ok {
			links[i].ID = id
		}
	}
}

// learn notes the ID that something has got.
func (w *objectWriter) learn(now, after *object.Object) error {
	if now != nil && after != nil && idOf(after) != "" {
		w.made[idOf(after)] = idOf(now)
	}
	return nil
}

// send makes, changes or removes.
func (w *objectWriter) send(ctx context.Context, c *diff.Change, before, after *object.Object) error {
	switch c.Family {
	case object.FamilyNode, object.FamilyService, object.FamilyCheck:
		return w.register(ctx, c, before, after)
	}
	path, id := collection(c.Family), ""
	if before != nil {
		id = idOf(before)
	}
	method, body := http.MethodPut, []byte(nil)
	switch {
	case after == nil:
		method = http.MethodDelete
	case before == nil && c.Family == object.FamilyQuery:
		method = http.MethodPost
	}
	if id != "" {
		path += "/" + url.PathEscape(id)
	}
	if after != nil {
		var err error
		if body, err = bodyOf(after, before == nil); err != nil {
			return err
		}
	}
	return w.request(ctx, method, path, body, c, after)
}

// request sends a change, and notes the ID that something new has got.
func (w *objectWriter) request(ctx context.Context, method, path string, body []byte, c *diff.Change, after *object.Object) error {
	w.out.requested()
	sending, stop := lingering(ctx)
	defer stop()
	resp, err := w.plan.target.call(sending, method, path, nil, body)
	if err != nil {
		return err
	}
	var got struct{ ID string }
	if c.What != diff.Added || c.Family == object.FamilyToken {
		err = decode(resp, nil)
	} else {
		err = decode(resp, &got)
	}
	if err != nil {
		return err
	}
	if got.ID != "" && idOf(after) != "" {
		w.made[idOf(after)] = got.ID
	}
	w.out.applied(c.Family, c.What)
	return nil
}

// collection is the path of a family in the API: for what is new, and before the ID of what is there.
func collection(family string) string {
	switch family {
	case object.FamilyPolicy:
		return "/v1/acl/policy"
	case object.FamilyRole:
		return "/v1/acl/role"
	case object.FamilyToken:
		return "/v1/acl/token"
	}
	return "/v1/query"
}

// bodyOf is an object as the API takes it. What is new gets an ID from the datacenter, but for tokens.
func bodyOf(o *object.Object, fresh bool) ([]byte, error) {
	value, err := normalValue(o.Value)
	if err != nil {
		return nil, err
	}
	switch v := value.(type) {
	case *record.ACLPolicy:
		if fresh {
			v.ID = ""
		}
		return without(v, "Hash", "CreateIndex", "ModifyIndex")
	case *record.ACLRole:
		if fresh {
			v.ID = ""
		}
		return without(v, "Hash", "CreateIndex", "ModifyIndex")
	case *record.ACLToken:
		return without(v, "Hash", "CreateIndex", "ModifyIndex", "CreateTime", "ExpirationTTL", "AuthMethod")
	case *record.PreparedQuery:
		if fresh {
			v.ID = ""
		}
		return json.Marshal(preparedquery.Form(v))
	}
	return nil, fmt.Errorf("%T is nothing that the API takes", value)
}

// without is a value as JSON without some fields, and without an empty ID.
func without(value any, names ...string) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	for _, name := range names {
		delete(m, name)
	}
	for _, name := range []string{"ID", "AccessorID"} {
		if string(m[name]) == `""` {
			delete(m, name)
		}
	}
	return json.Marshal(m)
}
