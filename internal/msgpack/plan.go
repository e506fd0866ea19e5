package msgpack

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A plan is how a struct becomes a map: its exported fields in byte order of their names.
type plan struct {
	fields []planField
	byName map[string]int
	extra  int // index of the field of type Extra, or -1
}

type planField struct {
	name  string
	index int
	codec *codec
	head  []byte // the encoded name
}

func newPlan(t reflect.Type) *plan {
	p := &plan{byName: map[string]int{}, extra: -1}
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case f.Type == extraType:
			p.extra = i
		case f.IsExported():
			p.fields = append(p.fields, planField{f.Name, i, codecFor(f.Type), AppendString(nil, f.Name)})
		}
	}
	slices.SortFunc(p.fields, func(a, b planField) int { return strings.Compare(a.name, b.name) })
	for i, f := range p.fields {
		p.byName[f.name] = i
	}
	return p
}

func structCodec(t reflect.Type) *codec {
	p := newPlan(t)
	return &codec{
		decode: p.decode,
		encode: p.encode,
	}
}

func (p *plan) decode(d *Decoder, v reflect.Value) error {
	v.SetZero()
	n, _, err := d.MapHead()
	if err != nil {
		return err
	}
	next := 0 // keys normally come in the order of the plan
	for range n {
		key, err := d.Text()
		if err != nil {
			return fmt.Errorf("key of a struct: %w", err)
		}
		i, known := next, next < len(p.fields) && p.fields[next].name == string(key)
		if !known {
			i, known = p.byName[string(key)]
		}
		if !known {
			if err := p.keep(d, v, string(key)); err != nil {
				return err
			}
			continue
		}
		next = i + 1
		if err := p.fields[i].codec.decode(d, v.Field(p.fields[i].index)); err != nil {
			return fmt.Errorf("%s: %w", p.fields[i].name, err)
		}
	}
	return nil
}

func (p *plan) keep(d *Decoder, v reflect.Value, key string) error {
	raw, err := d.Raw()
	if err != nil {
		return fmt.Errorf("%q: %w", key, err)
	}
	if p.extra < 0 {
		return nil
	}
	f := v.Field(p.extra)
	f.Set(reflect.Append(f, reflect.ValueOf(Entry{key, slices.Clone(raw)})))
	return nil
}

func (p *plan) encode(b []byte, v reflect.Value) []byte {
	var extra Extra
	if p.extra >= 0 {
		extra, _ = v.Field(p.extra).Interface().(Extra)
	}
	b = AppendMapHead(b, len(p.fields)+len(extra))
	if len(extra) > 0 {
		return p.encodeMerged(b, v, extra)
	}
	for i := range p.fields {
		b = append(b, p.fields[i].head...)
		b = p.fields[i].codec.encode(b, v.Field(p.fields[i].index))
	}
	return b
}

// encodeMerged writes known fields and kept entries together in byte order of their keys.
func (p *plan) encodeMerged(b []byte, v reflect.Value, extra Extra) []byte {
	extra = slices.Clone(extra)
	slices.SortStableFunc(extra, func(x, y Entry) int { return strings.Compare(x.Key, y.Key) })
	for i := range p.fields {
		for len(extra) > 0 && extra[0].Key < p.fields[i].name {
			b = append(AppendString(b, extra[0].Key), extra[0].Value...)
			extra = extra[1:]
		}
		b = append(b, p.fields[i].head...)
		b = p.fields[i].codec.encode(b, v.Field(p.fields[i].index))
	}
	for _, e := range extra {
		b = append(AppendString(b, e.Key), e.Value...)
	}
	return b
}
