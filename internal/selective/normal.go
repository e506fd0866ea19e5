package selective

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/preparedquery"
	"github.com/lictor-dr/lictor/internal/record"
)

// Objects of an archive and of an API are of the same structs, and differ in form: what the API does not show, and whether nothing is an
// empty list. Here both get the form in which they are compared: that of the API, without what is empty.

// normal brings a value of a record into that form. The value is not changed.
func normal[T any](v *T) (*T, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	out := new(T)
	if err := json.Unmarshal(text, out); err != nil {
		return nil, err
	}
	prune(reflect.ValueOf(out).Elem())
	return out, nil
}

// prune makes nothing of empty lists and maps.
func prune(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			prune(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				prune(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Map:
		if v.Len() == 0 {
			v.SetZero()
			return
		}
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8 {
			for i := range v.Len() {
				prune(v.Index(i))
			}
		}
	}
}

// normalQuery is normal for queries, whose form in the API is another struct.
func normalQuery(q *record.PreparedQuery) (*record.PreparedQuery, error) {
	text, err := json.Marshal(preparedquery.Form(q))
	if err != nil {
		return nil, err
	}
	x, err := preparedquery.Decode(text)
	if err != nil {
		return nil, err
	}
	x.CreateIndex, x.ModifyIndex = q.CreateIndex, q.ModifyIndex
	prune(reflect.ValueOf(x).Elem())
	return x, nil
}

// normalNode is a node, and nothing that is registered on it.
func normalNode(r *record.Register) *record.Register {
	n := &record.Register{ID: r.ID, Node: r.Node, Address: r.Address, Datacenter: r.Datacenter, TaggedAddresses: r.TaggedAddresses,
		NodeMeta: r.NodeMeta, PeerName: r.PeerName, CreateIndex: r.CreateIndex, ModifyIndex: r.ModifyIndex}
	prune(reflect.ValueOf(n).Elem())
	return n
}

// normalObject brings an object into the form in which it is compared.
func normalObject(o *object.Object) (*object.Object, error) {
	value, err := normalValue(o.Value)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", o.Family, o.Name, err)
	}
	return objectOf(o.Family, value)
}

// normalValue is the record of an object in that form.
func normalValue(value any) (any, error) {
	switch v := value.(type) {
	case object.Node:
		return normalNode(v.Register), nil
	case object.Service:
		x, err := normal(v.NodeService)
		if err != nil {
			return nil, err
		}
		if x.Weights == nil || x.Weights.Passing == 0 && x.Weights.Warning == 0 {
			x.Weights = &record.Weights{Passing: 1, Warning: 1}
		}
		r := normalNode(v.On)
		r.Service = x
		return r, nil
	case object.Check:
		x, err := normal(v.HealthCheck)
		if err != nil {
			return nil, err
		}
		r := normalNode(v.On)
		r.Check = x
		return r, nil
	case *record.PreparedQuery:
		return normalQuery(v)
	case *record.ACLToken:
		return normal(v)
	case *record.ACLPolicy:
		return normal(v)
	case *record.ACLRole:
		return normal(v)
	case *record.KVEntry:
		return v, nil
	}
	return nil, fmt.Errorf("%T is nothing that can be brought back", value)
}

// objectOf is the object of a family in a record.
func objectOf(family string, value any) (found *object.Object, err error) {
	b, err := record.Append(nil, value)
	if err != nil {
		return nil, err
	}
	return objectIn(family, b)
}

// objectIn is the object of a family in a record: its type and its value.
func objectIn(family string, rec []byte) (found *object.Object, err error) {
	if len(rec) == 0 {
		return nil, fmt.Errorf("a record of a %s is empty", family)
	}
	err = object.NewSplitter().Each(record.Raw{Type: record.Type(rec[0]), Value: rec[1:]}, func(o *object.Object) error {
		if o.Family == family {
			found = o
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("a record holds no %s", family)
	}
	return found, err
}

// recordOf is the record of an object, without what else that held.
func recordOf(o *object.Object) any {
	switch x := o.Value.(type) {
	case object.Node:
		r := *x.Register
		r.Service, r.Check, r.Checks = nil, nil, nil
		return &r
	case object.Service:
		r := *x.On
		r.Service, r.Check, r.Checks = x.NodeService, nil, nil
		return &r
	case object.Check:
		r := *x.On
		r.Service, r.Check, r.Checks = nil, x.HealthCheck, nil
		return &r
	}
	return o.Value
}

// content is what of an object is compared, as a digest.
func content(o *object.Object) (object.ID, error) { return o.WithoutIndexes().Digest() }

// alike tells whether two objects have the same content. Neither may be nil.
func alike(a, b *object.Object) (bool, error) {
	x, err := content(a)
	if err != nil {
		return false, err
	}
	y, err := content(b)
	return x == y, err
}

// tenant tells whether an object is of a namespace or partition that is not the default one.
func tenant(o *object.Object) bool {
	switch v := o.Value.(type) {
	case object.Node:
		return object.Tenancy(v.Extra) != ""
	case object.Service:
		return object.Tenancy(v.Extra) != "" || object.Tenancy(v.On.Extra) != ""
	case object.Check:
		return object.Tenancy(v.Extra) != "" || object.Tenancy(v.On.Extra) != ""
	case *record.ACLToken:
		return object.Tenancy(v.Extra) != ""
	case *record.ACLPolicy:
		return object.Tenancy(v.Extra) != ""
	case *record.ACLRole:
		return object.Tenancy(v.Extra) != ""
	case *record.KVEntry:
		return object.Tenancy(v.Extra) != ""
	}
	return false
}
