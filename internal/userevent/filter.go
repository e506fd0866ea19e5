package userevent

import (
	"fmt"
	"regexp"
	"slices"
)

// Local is what filters are applied to: the agent that receives events.
type Local interface {
	// NodeName is the name of the agent's node.
	NodeName() string
	// ServiceTags are the names of the services that are registered with the agent, each with the tags of all its
	// instances together. The caller does not change it.
	ServiceTags() map[string][]string
}

// Filters say which agents are meant: regular expressions of which each must match something, empty for any. Tag needs
// Service, and means the tags of services that Service matches.
type Filters struct {
	Node, Service, Tag string
}

// matcher is Filters made ready for use. What is nil matches all.
type matcher struct {
	node, service, tag *regexp.Regexp
}

func (f Filters) compile() (matcher, error) {
	if f.Tag != "" && f.Service == "" {
		return matcher{}, InvalidError("A tag filter needs a service filter")
	}
	var m matcher
	for _, part := range []struct {
		name, text string
		to         **regexp.Regexp
	}{{"node", f.Node, &m.node}, {"service", f.Service, &m.service}, {"tag", f.Tag, &m.tag}} {
		if part.text == "" {
			continue
		}
		compiled, err := regexp.Compile(part.text)
		if err != nil {
			return matcher{}, InvalidError(fmt.Sprintf("Invalid %s filter: %v", part.name, err))
		}
		*part.to = compiled
	}
	return m, nil
}

func (m matcher) matches(l Local) bool {
	if m.node != nil && !m.node.MatchString(l.NodeName()) {
		return false
	}
	if m.service == nil {
		return true
	}
	for service, tags := range l.ServiceTags() {
		if m.service.MatchString(service) && (m.tag == nil || slices.ContainsFunc(tags, m.tag.MatchString)) {
			return true
		}
	}
	return false
}
