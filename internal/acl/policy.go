package acl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Policy is the rules of one policy, parsed. It does not change and may be shared.
type Policy struct {
	rules []rule
}

type rule struct {
	word
	segment string
	level   level
}

// Parse reads rules in HCL or JSON. Words that are no resource and fields that are none are refused. Without rules the policy grants
// nothing. Errors say what is wrong in Consul's words as far as it has any.
func Parse(rules string) (*Policy, error) {
	p := &parser{}
	return p.parse(rules)
}

// ParseStored reads rules that a Consul server took in. Consul passes over what it does not know, and so does ParseStored: it returns a
// description of each resource and field that was left out. A policy that a user gives is for Parse.
func ParseStored(rules string) (*Policy, []string, error) {
	p := &parser{lenient: true}
	policy, err := p.parse(rules)
	if err != nil {
		return nil, nil, err
	}
	return policy, p.leftOut, nil
}

type parser struct {
	lenient bool
	leftOut []string
	rules   []rule
}

func (p *parser) parse(rules string) (*Policy, error) {
	fields, err := parseTree(rules)
	if err != nil {
		return nil, malformed(err)
	}
	for _, f := range fields {
		if err := p.resource(f); err != nil {
			return nil, err
		}
	}
	return &Policy{rules: p.rules}, nil
}

func malformed(err error) error { return fmt.Errorf("Failed to parse ACL rules: %w", err) }

func malformedAt(f field, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if f.line > 0 {
		err = fmt.Errorf("at line %d: %w", f.line, err)
	}
	return malformed(err)
}

// unknown refuses a field, or leaves it out.
func (p *parser) unknown(f field, format string, args ...any) error {
	err := malformedAt(f, format, args...)
	if !p.lenient {
		return err
	}
	p.leftOut = append(p.leftOut, errors.Unwrap(err).Error())
	return nil
}

// resource reads a field at the top. As in all HCL of this kind, names of fields are the same in upper and lower case.
func (p *parser) resource(f field) error {
	name := strings.ToLower(f.name)
	w, ok := words[name]
	switch {
	case !ok && isEnterprise(name):
		return p.unknown(f, "%q rules need Consul Enterprise", name)
	case !ok:
		return p.unknown(f, "unknown resource %.80q", f.name)
	case w.named:
		return p.segments(w, name, f)
	case f.val.kind != text:
		return malformedAt(f, `%s takes a string, as in %s = "read"`, name, name)
	}
	l, ok := parseLevel(w.resource, f.val.text)
	if !ok {
		return fmt.Errorf("Invalid %s policy: %.80q", name, f.val.text)
	}
	p.rules = append(p.rules, rule{word: w, level: l})
	return nil
}

func isEnterprise(name string) bool {
	return slices.Contains([]string{"namespace", "namespace_prefix", "partition", "partition_prefix"}, name)
}

// segments reads what is in a resource with names: an object of segments or a list of such objects.
func (p *parser) segments(w word, name string, f field) error {
	for _, o := range objects(f.val) {
		if o.kind != object {
			return malformedAt(f, `%s takes a name and a block, as in %s "NAME" { policy = "read" }`, name, name)
		}
		for _, seg := range o.fields {
			if err := p.segment(w, name, seg); err != nil {
				return err
			}
		}
	}
	return nil
}

// objects returns the elements of a list, and otherwise the value alone.
func objects(v value) []value {
	if v.kind == list {
		return v.list
	}
	return []value{v}
}

func (p *parser) segment(w word, name string, seg field) error {
	for _, o := range objects(seg.val) {
		if o.kind != object {
			return malformedAt(seg, `%s %.80q takes a block, as in %s "NAME" { policy = "read" }`, name, seg.name, name)
		}
		l, err := p.block(w, name, seg, o.fields)
		if err != nil {
			return err
		}
		p.rules = append(p.rules, rule{word: w, segment: seg.name, level: l})
	}
	return nil
}

// block reads the fields of one rule.
func (p *parser) block(w word, name string, seg field, fields []field) (level, error) {
	given := map[string]string{}
	for _, f := range fields {
		key := strings.ToLower(f.name)
		if why := unknownField(w.resource, key); why != "" {
			if err := p.unknown(f, "%s %.80q: "+why, name, seg.name, f.name); err != nil {
				return denied, err
			}
			continue
		}
		if f.val.kind != text {
			return denied, malformedAt(f, "%s %.80q: %s takes a string", name, seg.name, key)
		}
		if _, twice := given[key]; twice {
			return denied, malformedAt(f, "%s %.80q: %s is given twice", name, seg.name, key)
		}
		given[key] = f.val.text
	}
	l, ok := parseLevel(w.resource, given["policy"])
	if !ok {
		return denied, fmt.Errorf("Invalid %s policy: %.80q on %.80q", name, given["policy"], seg.name)
	}
	if err := checkIntentions(name, seg.name, given); err != nil {
		return denied, err
	}
	return l, nil
}

// unknownField tells, as a format for the field's name, why a rule cannot have it, or nothing if it can.
func unknownField(r Resource, key string) string {
	switch {
	case key == "policy", key == "intentions" && r == Service:
		return ""
	case key == "sentinel":
		return "%q needs Consul Enterprise"
	}
	return "unknown field %.80q"
}

func checkIntentions(name, segment string, given map[string]string) error {
	intentions, ok := given["intentions"]
	if !ok || intentions == "" {
		return nil
	}
	if _, ok := parseLevel(Service, intentions); !ok {
		return fmt.Errorf("Invalid %s intentions policy: %.80q on %.80q", name, intentions, segment)
	}
	return nil
}
