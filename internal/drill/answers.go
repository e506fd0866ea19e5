package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/lictor-dr/lictor/internal/record"
)

// An api is asked for a path with GET. The body of an answer 200 is returned, and must be closed; nil stands for 404.
type api func(ctx context.Context, path string) (io.ReadCloser, error)

// lists are the answers that show a family as a whole.
var lists = []struct {
	path   string
	family named
}{
	{"/v1/kv/?recurse", served[record.TypeKVS]},
	{"/v1/session/list", served[record.TypeSession]},
	{"/v1/coordinate/nodes", named{familyCoordinate, coordinate, byField("Node")}},
	{"/v1/query", served[record.TypePreparedQuery]},
	{"/v1/acl/tokens", served[record.TypeACLToken]},
	{"/v1/acl/roles", served[record.TypeACLRole]},
	{"/v1/acl/binding-rules", served[record.TypeACLBindingRule]},
}

// details are the lists that say less than the answer about each object; the field is what it is asked for by.
var details = []struct {
	list, path, field string
	family            named
}{
	{"/v1/acl/policies", "/v1/acl/policy/", "ID", served[record.TypeACLPolicy]},
	{"/v1/acl/auth-methods", "/v1/acl/auth-method/", "Name", served[record.TypeACLAuthMethod]},
}

// answers asks for everything that the API shows, one family after the other, and calls visit for each fact. What an answer has beyond
// the fields that are compared is left out. Of lists, one object is held at a time, or one node's.
func (ask api) answers(ctx context.Context, visit func(fact) error) error {
	for _, l := range lists {
		err := ask.each(ctx, l.path, func(m map[string]any) error { return say(visit, l.family.family, l.family.name(m), l.family.known(m)) })
		if err != nil {
			return err
		}
	}
	for _, d := range details {
		err := ask.each(ctx, d.list, func(m map[string]any) error {
			return ask.object(ctx, d.path+escape(text(m, d.field)), d.family, visit, nil)
		})
		if err != nil {
			return err
		}
	}
	return ask.catalog(ctx, visit)
}

// known keeps the fields of an answer that are compared.
func (n named) known(m map[string]any) map[string]any {
	kept := make(map[string]any, len(m))
	for name := range n.shape {
		if v, ok := m[name]; ok {
			kept[name] = v
		}
	}
	return kept
}

// catalog asks for nodes and for what is on them.
func (ask api) catalog(ctx context.Context, visit func(fact) error) error {
	return ask.each(ctx, "/v1/catalog/nodes", func(m map[string]any) error {
		at := text(m, "Node")
		shown := named{shape: node}.known(m)
		shown["Meta"] = m["Meta"]
		if err := say(visit, familyNode, at, shown); err != nil {
			return err
		}
		if err := ask.services(ctx, at, visit); err != nil {
			return err
		}
		return ask.each(ctx, "/v1/health/node/"+escape(at), func(c map[string]any) error {
			return say(visit, familyCheck, onNode(at, c, "CheckID"), named{shape: check}.known(c))
		})
	})
}

// services asks for the services of a node, of which there can be many.
func (ask api) services(ctx context.Context, at string, visit func(fact) error) error {
	path := "/v1/catalog/node-services/" + escape(at)
	return ask.read(ctx, path, func(d *json.Decoder) error {
		if begin, err := d.Token(); err != nil || begin == nil {
			return err
		}
		for d.More() {
			field, err := d.Token()
			if err != nil {
				return err
			}
			if field != "Services" {
				err = d.Decode(new(json.RawMessage))
			} else {
				err = eachOf(d, func(s map[string]any) error {
					return say(visit, familyService, onNode(at, s, "ID"), onTheNode(at, named{shape: service}.known(s)))
				})
			}
			if err != nil {
				return err
			}
		}
		_, err := d.Token()
		return err
	})
}

// autopilot asks for the configuration, which servers have even if the archive has none. A duration of nothing is shown as one.
func (ask api) autopilot(ctx context.Context, visit func(fact) error) error {
	return ask.object(ctx, "/v1/operator/autopilot/configuration", served[record.TypeAutopilot], visit,
		func(m map[string]any) {
			maps.DeleteFunc(m, func(_ string, v any) bool { return v == "0s" })
		})
}

// object asks for one object; no answer is no fact.
func (ask api) object(ctx context.Context, path string, family named, visit func(fact) error, tidy func(map[string]any)) error {
	var m map[string]any
	err := ask.read(ctx, path, func(d *json.Decoder) error { return d.Decode(&m) })
	if err != nil || m == nil {
		return err
	}
	if tidy != nil {
		tidy(m)
	}
	return say(visit, family.family, family.name(m), family.known(m))
}

// each calls fn for the objects of an answer that is a list, as they come.
func (ask api) each(ctx context.Context, path string, fn func(map[string]any) error) error {
	return ask.read(ctx, path, func(d *json.Decoder) error { return eachOf(d, fn) })
}

// read asks for a path and lets decode read the answer, unless there is none.
func (ask api) read(ctx context.Context, path string, decode func(*json.Decoder) error) error {
	body, err := ask(ctx, path)
	if err != nil || body == nil {
		return err
	}
	d := json.NewDecoder(body)
	d.UseNumber()
	if err := errors.Join(decode(d), body.Close()); err != nil {
		return fmt.Errorf("read the answer to GET %s: %w", path, err)
	}
	return nil
}

// eachOf calls fn for the objects of a list, as they come, and makes sure that it comes to its end. Null is an empty list.
func eachOf(d *json.Decoder, fn func(map[string]any) error) error {
	begin, err := d.Token()
	if err != nil || begin == nil {
		return err
	}
	for d.More() {
		var m map[string]any
		if err := d.Decode(&m); err != nil {
			return err
		}
		if err := fn(m); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// escape makes a name an element of a path. Names that are dots alone would otherwise be taken for directories.
func escape(name string) string {
	if strings.Trim(name, ".") == "" {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}

// asking returns the api that a handler serves, in this process.
func asking(h http.Handler) api {
	return func(ctx context.Context, path string) (io.ReadCloser, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
		if err != nil {
			return nil, err
		}
		r, w := io.Pipe()
		answer := &answer{header: http.Header{}, body: w, began: make(chan struct{})}
		go answer.serve(h, req)
		<-answer.began
		switch answer.status {
		case http.StatusOK:
			return r, nil
		case http.StatusNotFound:
			return nil, r.Close()
		}
		text, _ := io.ReadAll(io.LimitReader(r, 1<<10))
		return nil, errors.Join(fmt.Errorf("GET %s is answered with %d: %s", path, answer.status, text), r.Close())
	}
}

// An answer is written into a pipe.
type answer struct {
	header http.Header
	status int
	body   *io.PipeWriter
	began  chan struct{} // closed once the status is known
}

// serve lets h answer. A handler that breaks off is an error of its reader, and not the end of the process.
func (a *answer) serve(h http.Handler, req *http.Request) {
	defer func() {
		err := error(nil)
		if v := recover(); v != nil {
			err = fmt.Errorf("the handler of GET %s failed: %v", req.URL.Path, v)
		}
		a.WriteHeader(http.StatusOK)
		a.body.CloseWithError(err)
	}()
	h.ServeHTTP(a, req)
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
		close(a.began)
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}
