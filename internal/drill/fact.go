package drill

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/lictor-dr/lictor/internal/record"
)

// A fact is one thing that the API is to say, or has said: an object, in a form in which equal objects are equal bytes.
type fact struct {
	family string // such as key or node
	name   string // of the object, for people: without secrets
	body   []byte // JSON without what is empty
}

// newFact makes a fact of an object's fields.
func newFact(family, name string, fields map[string]any) (fact, error) {
	tidied, _ := tidy(fields, asJSON)
	return bodied(family, name, tidied)
}

// bodied makes a fact of what is tidy.
func bodied(family, name string, tidied any) (fact, error) {
	body, err := marshal(tidied)
	if err != nil {
		return fact{}, fmt.Errorf("%s %s: %w", family, name, err)
	}
	return fact{family, name, body}, nil
}

// marshal encodes v as JSON with map keys in order.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// sum digests a fact.
func (f fact) sum() [32]byte {
	h := sha256.New()
	h.Write([]byte(f.family))
	h.Write([]byte{0})
	h.Write(f.body)
	return [32]byte(h.Sum(nil))
}

// tidy returns v without fields that are empty, at any depth: absent, null and zero are one in the API. What is in the fields is made
// what leaf has of it.
func tidy(v any, leaf func(any) any) (_ any, empty bool) {
	switch v := v.(type) {
	case map[string]any:
		tidied := make(map[string]any, len(v))
		for name, x := range v {
			if x, empty := tidy(x, leaf); !empty {
				tidied[validText(name)] = x
			}
		}
		return tidied, len(tidied) == 0
	case []any:
		tidied := make([]any, len(v))
		for i, x := range v {
			tidied[i], _ = tidy(x, leaf)
		}
		return tidied, len(v) == 0
	}
	return leaf(v), isEmpty(v)
}

// asJSON is the leaf as answers have it: bytes that are no text are replaced, and numbers that JSON does not have are text.
func asJSON(v any) any {
	switch v := v.(type) {
	case string:
		return validText(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
	}
	return v
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case json.Number:
		n, err := v.Float64()
		return err == nil && n == 0
	case int:
		return v == 0
	case int64:
		return v == 0
	case uint64:
		return v == 0
	case float64:
		return v == 0
	case time.Time:
		return v.IsZero()
	}
	return false
}

// validText is s with a replacement for each byte that is no text, as JSON has it.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// text is a field of m that names an object.
func text(m map[string]any, field string) string {
	s, _ := m[field].(string)
	return validText(s)
}

// The families of facts, as reports name them.
const (
	familyKey        = "key"
	familyNode       = "node"
	familyService    = "service"
	familyCheck      = "check"
	familySession    = "session"
	familyQuery      = "prepared query"
	familyToken      = "ACL token"
	familyPolicy     = "ACL policy"
	familyRole       = "ACL role"
	familyRule       = "ACL binding rule"
	familyMethod     = "ACL auth method"
	familyCoordinate = "coordinate"
	familyAutopilot  = "autopilot"
)

// named is how a family of objects is shown and named.
type named struct {
	family string
	shape  shape
	name   func(m map[string]any) string
}

func byField(field string) func(map[string]any) string {
	return func(m map[string]any) string { return text(m, field) }
}

// onNode names what is unique on its node only. Services do not know theirs.
func onNode(node string, m map[string]any, field string) string {
	return text(m, field) + " on " + node
}

// served are the families whose records are the API's objects. Registrations are three kinds in one, and coordinates come in batches.
var served = map[record.Type]named{
	record.TypeKVS:            {familyKey, kvEntry, byField("Key")},
	record.TypeSession:        {familySession, session, byField("ID")},
	record.TypePreparedQuery:  {familyQuery, query, byField("ID")},
	record.TypeACLToken:       {familyToken, token, byField("AccessorID")},
	record.TypeACLPolicy:      {familyPolicy, policy, byField("ID")},
	record.TypeACLRole:        {familyRole, role, byField("ID")},
	record.TypeACLBindingRule: {familyRule, rule, byField("ID")},
	record.TypeACLAuthMethod:  {familyMethod, authMethod, byField("Name")},
	record.TypeAutopilot:      {familyAutopilot, autopilot, func(map[string]any) string { return "configuration" }},
}

// An expectation turns the records of an archive into the facts that the API is to show.
type expectation struct {
	lastIndex uint64 // of the archive's header
}

// facts calls visit for each fact that a record makes.
func (e expectation) facts(raw record.Raw, visit func(fact) error) error {
	family, direct := served[raw.Type]
	if !direct && raw.Type != record.TypeRegister && raw.Type != record.TypeCoordinates {
		return nil
	}
	v, err := plain(raw.Value)
	if err != nil {
		return unread(raw, err)
	}
	if batch, ok := v.([]any); ok && raw.Type == record.TypeCoordinates {
		return each(batch, func(m map[string]any) error { return say(visit, familyCoordinate, text(m, "Node"), coordinate.show(m)) })
	}
	m, ok := v.(map[string]any)
	switch {
	case !ok: // no table takes it either
		return nil
	case direct:
		return say(visit, family.family, family.name(m), family.shape.show(m))
	}
	return e.registration(m, visit)
}

// unread is the error for a record that Consul's own library does not decode: it may be the library's fault.
func unread(raw record.Raw, err error) error {
	return fmt.Errorf("record %d (%s) cannot be decoded by another library, and so not be compared: %w", raw.Number, raw.Type, err)
}

func say(visit func(fact) error, family, name string, fields map[string]any) error {
	f, err := newFact(family, name, fields)
	if err != nil {
		return err
	}
	return visit(f)
}

// each calls fn for the objects in a list.
func each(list []any, fn func(map[string]any) error) error {
	for _, x := range list {
		m, _ := x.(map[string]any)
		if err := fn(m); err != nil {
			return err
		}
	}
	return nil
}

// registration makes the fact of a registration. Nodes imported from peers are carried, not served.
func (e expectation) registration(m map[string]any, visit func(fact) error) error {
	at := text(m, "Node")
	if !isEmpty(m["PeerName"]) {
		return nil
	}
	if s, ok := m["Service"].(map[string]any); ok {
		shown := service.show(s)
		shown["Weights"] = asWeights(s["Weights"])
		return say(visit, familyService, onNode(at, s, "ID"), onTheNode(at, shown))
	}
	if c, ok := m["Check"].(map[string]any); ok {
		return say(visit, familyCheck, onNode(at, c, "CheckID"), check.show(c))
	}
	e.complete(m)
	shown := node.show(m)
	shown["Meta"] = m["NodeMeta"]
	return say(visit, familyNode, at, shown)
}

// onTheNode adds the node to a service, which two nodes may have alike.
func onTheNode(node string, service map[string]any) map[string]any {
	service["on node"] = node
	return service
}

// complete gives a node that was written before 1.8, and has no indexes, those of the archive, as restores do.
func (e expectation) complete(m map[string]any) {
	if isEmpty(m["CreateIndex"]) && isEmpty(m["ModifyIndex"]) {
		m["CreateIndex"], m["ModifyIndex"] = e.lastIndex, e.lastIndex
	}
}
