package querytemplate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lictor-dr/lictor/internal/record"
)

// Matches tells whether a template with that prefix is for name. Case makes no difference, as names also come from DNS.
func Matches(prefix, name string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// Render returns the query that the template stands for under name, asked of an agent in that network segment. The template itself
// stays as it is. It fails if name lacks the template's prefix, or if a value that depends on name makes no text.
func (t *Template) Render(name, segment string) (*record.PreparedQuery, error) {
	if !Matches(t.query.Name, name) {
		return nil, fmt.Errorf("render template: the name %q does not begin with %q", name, t.query.Name)
	}
	at := len(t.query.Name)
	vars := variables{full: name, prefix: name[:at], suffix: name[at:], segment: segment}
	if t.regexp != nil {
		vars.matches = t.regexp.FindStringSubmatch(name)
	}
	q := *t.query
	q.Service = clone(q.Service)
	err := substitute(&q.Service, func(text string) (string, error) { return render(text, vars) })
	if err != nil {
		return nil, fmt.Errorf("render template for the name %q: %w", name, err)
	}
	if q.Template.RemoveEmptyTags {
		q.Service.Tags = slices.DeleteFunc(q.Service.Tags, func(tag string) bool { return tag == "" })
	}
	return &q, nil
}

func render(text string, vars variables) (string, error) {
	value, err := evaluate(text, vars)
	if err != nil {
		return "", err
	}
	s, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("%.200q makes no text", text)
	}
	return s, nil
}

// clone copies all of s that substitute replaces.
func clone(s record.QueryService) record.QueryService {
	s.Failover.Datacenters = slices.Clone(s.Failover.Datacenters)
	s.Failover.Targets = slices.Clone(s.Failover.Targets)
	s.IgnoreCheckIDs = slices.Clone(s.IgnoreCheckIDs)
	s.Tags = slices.Clone(s.Tags)
	s.NodeMeta = maps.Clone(s.NodeMeta)
	s.ServiceMeta = maps.Clone(s.ServiceMeta)
	return s
}

// substitute replaces each string of s that may hold variables by what fn makes of it, always in the same order.
func substitute(s *record.QueryService, fn func(string) (string, error)) error {
	texts := []*string{&s.Service, &s.Near, &s.Peer, &s.SamenessGroup}
	texts = append(texts, pointers(s.Failover.Datacenters)...)
	for i := range s.Failover.Targets {
		texts = append(texts, &s.Failover.Targets[i].Datacenter, &s.Failover.Targets[i].Peer)
	}
	texts = append(texts, pointers(s.IgnoreCheckIDs)...)
	texts = append(texts, pointers(s.Tags)...)
	for _, text := range texts {
		value, err := fn(*text)
		if err != nil {
			return err
		}
		*text = value
	}
	if err := substituteMap(s.NodeMeta, fn); err != nil {
		return err
	}
	return substituteMap(s.ServiceMeta, fn)
}

func pointers(texts []string) []*string {
	ps := make([]*string, len(texts))
	for i := range texts {
		ps[i] = &texts[i]
	}
	return ps
}

func substituteMap(m map[string]string, fn func(string) (string, error)) error {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		value, err := fn(m[key])
		if err != nil {
			return err
		}
		m[key] = value
	}
	return nil
}
