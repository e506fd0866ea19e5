package agent

import (
	"fmt"

	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/userevent"
)

// eventTarget is this agent as the filters of events see it.
type eventTarget struct{ *Agent }

var _ userevent.Local = eventTarget{}

func (t eventTarget) NodeName() string { return t.config.NodeName }

// ServiceTags are those of the services that are registered with this agent.
func (t eventTarget) ServiceTags() map[string][]string {
	tags := map[string][]string{}
	for _, s := range t.local.Services() {
		tags[s.Service] = append(tags[s.Service], s.Tags...)
	}
	if t.server != nil {
		tags["consul"] = nil // the service that all servers have
	}
	return tags
}

func (b *backend) Events() httpapi.Events { return poolEvents{b.events, b.Agent} }

// poolEvents are the events of the pool.
type poolEvents struct {
	*userevent.Buffer
	agent *Agent
}

// Fire sends an event to the whole pool. This agent has it when Fire returns.
func (p poolEvents) Fire(name string, payload []byte, f userevent.Filters) (userevent.Event, error) {
	e, err := userevent.New(name, payload, f)
	if err != nil {
		return e, err
	}
	if err := p.agent.pool.Fire(name, e.Encode()); err != nil {
		return e, userevent.InvalidError(fmt.Sprintf("Event too large: %v", err))
	}
	return e, p.Deliver(e)
}

// receiveEvent takes an event that comes out of the pool.
func (a *Agent) receiveEvent(name string, payload []byte, time uint64) {
	e, err := userevent.Decode(name, payload, time)
	if err == nil {
		err = a.events.Deliver(e)
	}
	if err != nil {
		a.log.Warn("a user event was not understood", "name", name, "error", err)
	}
}
