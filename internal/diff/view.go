package diff

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lictor-dr/lictor/internal/aclresolve"
	"github.com/lictor-dr/lictor/internal/object"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/recordjson"
)

// Hidden stands for a secret.
const Hidden = "<hidden>"

// A View says what is shown of objects.
type View struct {
	Secrets bool // also secrets
	Indexes bool // also indexes
}

// Object is an object as JSON has it, with the names of Consul's HTTP API; nil for none. Bytes are base64. A key that is no UTF-8 has its
// bytes in RawKey, too. What Lictor carries without
// interpreting it has a size and a SHA-256.
func (v View) Object(o *object.Object) (map[string]any, error) {
	m, err := v.whole(o)
	if err == nil && !v.Secrets {
		hide(o, m)
	}
	return m, err
}

// tree is an object as JSON has it, with its secrets.
func (v View) tree(o *object.Object) (map[string]any, error) {
	if c, ok := o.Value.(object.Carried); ok {
		sum := sha256.Sum256(c.Record.Value)
		return map[string]any{"Bytes": json.Number(strconv.Itoa(len(c.Record.Value))), "SHA256": hex.EncodeToString(sum[:])}, nil
	}
	if e, ok := o.Value.(*record.KVEntry); ok && len(e.Extra) == 0 {
		return v.key(e), nil
	}
	value, part := recordOf(o)
	m, err := asJSON(value)
	if err != nil {
		return nil, fmt.Errorf("show %s %s: %w", o.Family, o.Name, err)
	}
	if part != "" {
		inner, _ := m[part].(map[string]any)
		if inner == nil {
			return nil, fmt.Errorf("show %s %s: its record has no %s", o.Family, o.Name, part)
		}
		inner["Node"] = m["Node"]
		m = inner
	}
	for _, name := range v.without(o) {
		delete(m, name)
	}
	return m, nil
}

// key is an entry of the key/value store as JSON has it: the short way, for there may be many of them.
func (v View) key(e *record.KVEntry) map[string]any {
	number := func(n uint64) json.Number { return json.Number(strconv.FormatUint(n, 10)) }
	m := map[string]any{"Key": e.Key, "Flags": number(e.Flags), "Value": nil}
	if e.Value != nil {
		m["Value"] = base64.StdEncoding.EncodeToString(e.Value)
	}
	if e.Session != "" {
		m["Session"] = e.Session
	}
	if !utf8.ValidString(e.Key) { // which JSON cannot hold
		m["RawKey"] = base64.StdEncoding.EncodeToString([]byte(e.Key))
	}
	if v.Indexes {
		m["CreateIndex"], m["ModifyIndex"], m["LockIndex"] = number(e.CreateIndex), number(e.ModifyIndex), number(e.LockIndex)
	}
	return m
}

// recordOf is the record of an object, and the field of it that is the object, if it is but one.
func recordOf(o *object.Object) (value any, part string) {
	switch x := o.Value.(type) {
	case object.Node:
		r := *x.Register
		r.Service, r.Check, r.Checks = nil, nil, nil
		return &r, ""
	case object.Service:
		return &record.Register{Node: x.On.Node, Service: x.NodeService}, "Service"
	case object.Check:
		return &record.Register{Node: x.On.Node, Check: x.HealthCheck}, "Check"
	}
	return o.Value, ""
}

func asJSON(value any) (map[string]any, error) {
	b, err := record.Append(nil, value)
	if err != nil {
		return nil, err
	}
	text, err := recordjson.Append(nil, record.Raw{Type: record.Type(b[0]), Value: b[1:]})
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var m map[string]any
	return m, d.Decode(&m)
}

// without are the fields that are not shown: indexes, what is derived, and what belongs to other objects.
func (v View) without(o *object.Object) (names []string) {
	if !v.Indexes {
		names = append(names, "CreateIndex", "ModifyIndex", "LockIndex")
	}
	switch o.Value.(type) {
	case object.Node:
		names = append(names, "Service", "Check", "Checks", "SkipNodeUpdate", "Token", "Locality")
	case *record.ACLToken, *record.ACLPolicy, *record.ACLRole:
		names = append(names, "Hash")
	case *record.Index:
		if !v.Indexes {
			names = append(names, "Value")
		}
	}
	return names
}

// secrets are the fields of an object that hold secrets, as paths.
func secrets(o *object.Object) []string {
	switch v := o.Value.(type) {
	case *record.ACLToken:
		return []string{"SecretID"}
	case *record.PreparedQuery:
		return []string{"Token"}
	case *record.ACLAuthMethod:
		return []string{"Config.ServiceAccountJWT", "Config.OIDCClientSecret", "Config.OIDCClientAssertion"}
	case *record.SystemMetadata:
		if v.Key == aclresolve.ServerManagementKey {
			return []string{"Value"}
		}
	}
	return nil
}

// hide puts something else in the place of secrets.
func hide(o *object.Object, m map[string]any) {
	if o == nil {
		return
	}
	for _, path := range secrets(o) {
		in, name := m, path
		if outer, inner, nested := strings.Cut(path, "."); nested {
			in, _ = m[outer].(map[string]any)
			name = inner
		}
		if held, ok := in[name]; ok && !empty(held) {
			in[name] = Hidden
		}
	}
}
