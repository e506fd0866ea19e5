// Package userevent is about the events that users fire with PUT /v1/event/fire: a name, a payload that nobody
// interprets, and filters that say which agents an event is for.
//
// A Buffer is one agent's view: it holds the last 256 events that have reached the agent and are meant for it, oldest
// first. Firing and receiving are two things. Fire makes an event and hands it to the agent's own Deliver; an event
// that comes from another agent goes to Deliver as well, and the same event may come more than once.
//
// Filters are regular expressions in Go's syntax that match anywhere in a name. They are checked when an event is
// fired, and applied where it arrives, against the agent's node name and the services it has at that moment.
//
// The package promises that an ID's index is the one that the Go client computes of it, and that who waits is woken
// by every event that is kept. It refuses events without a name, filters that do not compile, a filter of tags without
// one of services, and events larger than gossip could carry. Events live in memory alone, as long as the process.
package userevent
