package history

import (
	"fmt"
	"time"
)

// A Kind is what a request asks for.
type Kind string

// What clients do. The first four concern a key, the next three a lock, the last two all keys, and no locks.
const (
	Put         Kind = "put"
	CAS         Kind = "cas"
	Read        Kind = "read"    // consistent
	DefaultRead Kind = "default" // on the leader's lease
	Acquire     Kind = "acquire"
	Release     Kind = "release"
	End         Kind = "end"     // of a session, which gives up its lock
	Save        Kind = "save"    // of a snapshot
	Restore     Kind = "restore" // of the snapshot that was saved last
)

// An Outcome is what is certain about an operation.
type Outcome string

// Outcomes. A read that did not succeed is Fail: it cannot have changed anything.
const (
	OK      Outcome = "ok"
	Fail    Outcome = "fail"
	Unknown Outcome = "unknown"
)

// An Operation is one request and its answer.
type Operation struct {
	Client  int           `json:"client"`
	Server  string        `json:"server"` // which was asked
	Kind    Kind          `json:"kind"`
	Key     string        `json:"key"`
	Value   string        `json:"value,omitempty"`   // written or read
	Index   uint64        `json:"index,omitempty"`   // CAS: that was compared; reads: ModifyIndex, 0 if there is no such key
	Session string        `json:"session,omitempty"` // of a lock
	Call    time.Duration `json:"call"`              // since the recorder began
	Return  time.Duration `json:"return"`
	Outcome Outcome       `json:"outcome"`
	Done    bool          `json:"done,omitempty"`  // the answer was true
	Error   string        `json:"error,omitempty"` // why it is not OK
}

func (o Operation) String() string {
	text := fmt.Sprintf("%.6f-%.6f client %d at %s: %s %s", o.Call.Seconds(), o.Return.Seconds(), o.Client, o.Server, o.Kind, o.Key)
	switch o.Kind {
	case Put:
		text += fmt.Sprintf(" %q", o.Value)
	case CAS:
		text += fmt.Sprintf(" %q if at %d", o.Value, o.Index)
	case Read, DefaultRead:
		if o.Outcome == OK {
			text += fmt.Sprintf(" = %q at %d", o.Value, o.Index)
		}
	case Acquire, Release, End:
		text += " by " + o.Session
	}
	if o.Outcome != OK {
		return fmt.Sprintf("%s: %s: %s", text, o.Outcome, o.Error)
	}
	if !o.writes() && !o.locks() {
		return text
	}
	return fmt.Sprintf("%s: %v", text, o.Done)
}

func (o Operation) reads() bool       { return o.Kind == Read || o.Kind == DefaultRead }
func (o Operation) writes() bool      { return o.Kind == Put || o.Kind == CAS }
func (o Operation) locks() bool       { return o.Kind == Acquire || o.Kind == Release || o.Kind == End }
func (o Operation) concernsAll() bool { return o.Kind == Save || o.Kind == Restore }
