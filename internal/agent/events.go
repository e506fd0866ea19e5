package agent

import (
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/userevent"
)

// eventTarget is this agent as the filters of events see it.
type eventTarget struct{ *Agent }

var _ userevent.Local = eventTarget{}

func (t eventTarget) NodeName() string { return t.config.NodeName }

// ServiceTags are those of the services that the catalog has on this agent's node.
func (t eventTarget) ServiceTags() map[string][]string {
	_, _, services := t.server.Store().Node(nil, t.config.NodeName)
	tags := make(map[string][]string, len(services))
	for _, s := range services {
		tags[s.Service] = append(tags[s.Service], s.Tags...)
	}
	return tags
}

func (b *backend) Events() httpapi.Events { return b.events }
