package userevent

import (
	"fmt"
	"strconv"

	"github.com/hashicorp/go-uuid"
)

const (
	// Version of the events that are fired here.
	Version = 1
	// MaxSize is how many bytes name and payload may have together: what gossip can carry at most.
	MaxSize = 9 << 10
)

// An Event is one in the form that the HTTP API answers with.
type Event struct {
	ID            string // a UUID
	Name          string
	Payload       []byte
	NodeFilter    string
	ServiceFilter string
	TagFilter     string
	Version       int
	LTime         uint64 // logical time of the event; 0 in the answer to who fires it
}

// An InvalidError is what is wrong with a request or an event, as text for its sender.
type InvalidError string

func (e InvalidError) Error() string { return string(e) }

// check returns the event's filters if it is one that can be kept.
func (e Event) check() (matcher, error) {
	if e.Name == "" {
		return matcher{}, InvalidError("Missing name")
	}
	if n := len(e.Name) + len(e.Payload); n > MaxSize {
		return matcher{}, InvalidError(fmt.Sprintf("Event too large: name and payload have %d bytes, the limit is %d", n, MaxSize))
	}
	return Filters{e.NodeFilter, e.ServiceFilter, e.TagFilter}.compile()
}

// Index returns the index that stands for an event in a blocking query: the two halves of its ID, combined by
// exclusive or. It fails if the ID is no UUID.
func Index(id string) (uint64, error) {
	if _, err := uuid.ParseUUID(id); err != nil {
		return 0, InvalidError(fmt.Sprintf("Invalid event ID %q: %v", id, err))
	}
	low, err := strconv.ParseUint(id[0:8]+id[9:13]+id[14:18], 16, 64)
	if err != nil {
		return 0, InvalidError(fmt.Sprintf("Invalid event ID %q: %v", id, err))
	}
	high, err := strconv.ParseUint(id[19:23]+id[24:36], 16, 64)
	if err != nil {
		return 0, InvalidError(fmt.Sprintf("Invalid event ID %q: %v", id, err))
	}
	return low ^ high, nil
}
