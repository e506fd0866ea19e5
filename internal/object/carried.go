package object

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/lictor-dr/lictor/internal/msgpack"
	"github.com/lictor-dr/lictor/internal/record"
)

// Carried is a record that Lictor does not interpret.
type Carried struct {
	Record        *record.Opaque
	content, bare []byte // what is compared, in canonical form; the same without indexes
}

// carriedFamilies are the names of types of records that Lictor carries.
var carriedFamilies = map[record.Type]string{
	record.TypeLegacyACL: FamilyLegacyACL, record.TypeACLBootstrap: FamilyBootstrap, record.TypeIntention: FamilyIntention,
	record.TypeConnectCA: FamilyRoot, record.TypeCAProviderState: FamilyCAState, record.TypeCAConfig: FamilyCAConfig,
	record.TypeConfigEntry: FamilyConfig, record.TypeFederationState: FamilyFederation, record.TypeServiceVirtualIP: FamilyVirtualIP,
	record.TypeFreeVirtualIP: FamilyFreeIP, record.TypePeering: FamilyPeering, record.TypePeeringTrustBundle: FamilyBundle,
	record.TypePeeringSecrets: FamilySecrets, record.TypeResource: FamilyResource,
}

func carriedFamily(t record.Type) string {
	if family, ok := carriedFamilies[t]; ok {
		return family
	}
	return t.String() + " record"
}

// CarriedObject makes an object of a record that Lictor carries. Where its form is not the one that is known, it is what its bytes say.
func CarriedObject(o *record.Opaque) *Object {
	var x *Object
	switch o.Type {
	case record.TypeConfigEntry:
		x = configEntry(o)
	case record.TypePeering, record.TypePeeringTrustBundle, record.TypePeeringSecrets, record.TypeResource:
		x = message(o)
	default:
		x = structObject(o)
	}
	if x == nil {
		x = verbatim(o)
	}
	c := x.Value.(Carried)
	c.Record = o
	x.Value = c
	return x
}

// verbatim is an object that nothing but its content identifies.
func verbatim(o *record.Opaque) *Object {
	content := canonical(o.Value)
	family := carriedFamily(o.Type)
	return &Object{
		Family: family, ID: IDOf(family, string(content), ""), Name: "#" + Fingerprint(content), Value: Carried{content: content, bare: content},
	}
}

func canonical(value []byte) []byte {
	content, err := msgpack.AppendCanonical(nil, value)
	if err != nil {
		return value
	}
	return content
}

// Fingerprint stands for bytes that must not be shown.
func Fingerprint(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:4])
}

// fields are the fields of a struct, in canonical form.
type fields map[string][]byte

// fieldsOf reads a map whose keys are the names of fields, nil if value is none.
func fieldsOf(value []byte) fields {
	d := msgpack.NewDecoder(value)
	if d.Peek() != msgpack.Map {
		return nil
	}
	n, _, err := d.MapHead()
	f := fields{}
	for i := 0; err == nil && i < n; i++ {
		var name, x []byte
		if name, err = d.Text(); err == nil {
			x, err = d.Raw()
		}
		f[string(name)] = canonical(x)
	}
	if err != nil || len(f) != n {
		return nil
	}
	return f
}

func (f fields) text(name string) string {
	s, err := msgpack.NewDecoder(f[name]).Bytes()
	if err != nil {
		return ""
	}
	return string(s)
}

// within returns the fields of a struct in a field.
func (f fields) within(name string) fields { return fieldsOf(f[name]) }

// content is the fields that are not empty, without some.
func (f fields) content(without ...string) []byte {
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if !slices.Contains(without, name) && !empty(f[name]) {
			b = append(msgpack.AppendString(b, name), f[name]...)
		}
	}
	return b
}

// carried is the fields that are not empty, without some.
func (f fields) carried(without ...string) Carried {
	return Carried{content: f.content(without...), bare: f.content(append(without, "CreateIndex", "ModifyIndex")...)}
}

// object makes an object of the fields.
func (f fields) object(t record.Type, name string, value Carried, parts ...string) *Object {
	var extra msgpack.Extra
	for _, key := range []string{"Namespace", "Partition"} {
		if v, ok := f[key]; ok {
			extra = append(extra, msgpack.Entry{Key: key, Value: v})
		}
	}
	o := newObject(carriedFamily(t), value, name, number(f["CreateIndex"]), number(f["ModifyIndex"]), extra, parts...)
	_, o.Indexed = f["ModifyIndex"]
	return o
}

// structObject makes an object of a map, nil if it is not told which one.
func structObject(o *record.Opaque) *Object {
	f := fieldsOf(o.Value)
	if f == nil {
		return nil
	}
	name := cmp.Or(f.text("Name"), f.text("ID"))
	switch o.Type {
	case record.TypeLegacyACL: // its ID is its secret
		return f.object(o.Type, cmp.Or(f.text("Name"), "#"+Fingerprint(f["ID"])), f.carried(), f.text("ID"))
	case record.TypeACLBootstrap, record.TypeCAConfig:
		return f.object(o.Type, "", f.carried())
	case record.TypeIntention:
		return f.object(o.Type, f.text("SourceName")+" to "+f.text("DestinationName"), f.carried(), f.text("ID"))
	case record.TypeConnectCA, record.TypeCAProviderState:
		return f.object(o.Type, name, f.carried(), f.text("ID"))
	case record.TypeFederationState:
		return federationState(f)
	case record.TypeServiceVirtualIP:
		return virtualIP(f)
	case record.TypeFreeVirtualIP:
		return freeIP(f)
	}
	if name == "" {
		return nil
	}
	value := f.carried()
	value.content = canonical(o.Value)
	return f.object(o.Type, name, value, f.text("ID"), f.text("Name"))
}

func federationState(f fields) *Object {
	state := f.within("State")
	if state == nil {
		return nil
	}
	datacenter := state.text("Datacenter")
	return state.object(record.TypeFederationState, datacenter, state.carried(), datacenter)
}

// virtualIP is the address of a service, which stands there in one of two forms.
func virtualIP(f fields) *Object {
	s := f.within("Service")
	name := s.text("Name")
	if inner := s.within("ServiceName"); inner != nil {
		name = inner.text("Name")
	}
	if name == "" {
		return nil
	}
	return f.object(record.TypeServiceVirtualIP, ofPeer(name, s.text("Peer")), f.carried("Service"), Fold(name), Fold(s.text("Peer")))
}

func freeIP(f fields) *Object {
	ip := f.text("IP")
	if f["IsCounter"] != nil && !empty(f["IsCounter"]) {
		return f.object(record.TypeFreeVirtualIP, "counter", f.carried(), "counter")
	}
	name := fmt.Sprintf("%x", ip)
	if addr, ok := netip.AddrFromSlice([]byte(ip)); ok {
		name = addr.Unmap().String()
	}
	return f.object(record.TypeFreeVirtualIP, name, f.carried(), "free", ip)
}

// configEntry makes an object of a config entry: its kind and a map, one behind the other in a string. The hash is derived.
func configEntry(o *record.Opaque) *Object {
	both, err := msgpack.NewDecoder(o.Value).Bytes()
	if err != nil {
		return nil
	}
	d := msgpack.NewDecoder(both)
	kind, err := d.Text()
	if err != nil || !d.More() {
		return nil
	}
	frame, err := d.Raw()
	if err != nil || d.More() {
		return nil
	}
	entry := fieldsOf(frame)["Entry"]
	if inner, err := msgpack.NewDecoder(entry).Bytes(); err == nil && len(inner) > 0 { // proxy-defaults
		entry = inner
	}
	f := fieldsOf(entry)
	if f == nil {
		return nil
	}
	name := string(kind)
	if n := f.text("Name"); n != "" {
		name += "/" + n
	}
	return f.object(o.Type, name, f.carried("Hash"), string(kind), Fold(f.text("Name")))
}
