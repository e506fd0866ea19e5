package alarm

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// A Kind is what an event is.
type Kind string

// The kinds of events. Proven is for dead man's switches alone.
const (
	Success  Kind = "success"  // a run has ended well
	Failure  Kind = "failure"  // a run has failed, or backups are in danger for another reason
	Recovery Kind = "recovery" // what was told as a failure is over
	Proven   Kind = "proven"   // a run has ended well, and what it saved is proven
)

// An Event is what hooks are told. Its JSON is the body of a webhook.
type Event struct {
	Event        Kind          `json:"event"`
	Text         string        `json:"text"` // one line for people
	Cluster      string        `json:"cluster"`
	Datacenter   string        `json:"datacenter"`
	Node         string        `json:"node"` // the host of the agent that tells
	Leading      bool          `json:"leading"`
	Time         time.Time     `json:"time"`
	Destinations []Destination `json:"destinations"`

	ID       string     `json:"id"`       // of the backup; empty if there is none
	Index    uint64     `json:"index"`    // of its state
	Proof    string     `json:"proof"`    // proven or unproven; empty without a backup
	Stage    string     `json:"stage"`    // that failed; retention if nothing is deleted any more
	Reason   string     `json:"reason"`   // why it failed, or is not proven
	Failures int        `json:"failures"` // runs that have failed in a row
	LastGood *time.Time `json:"last_good"`
	Next     *time.Time `json:"next"` // when the next run is due, about
	RPO      Objective  `json:"rpo"`
}

// A Destination is a place where backups are kept.
type Destination struct {
	Name   string     `json:"name"`
	Behind bool       `json:"behind"` // it lacks the newest backup
	Newest *time.Time `json:"newest"` // the state that its newest proven backup holds is of this moment
}

// An Objective is how much may be lost at most, as a time, and whether that is so.
type Objective struct {
	State   string  `json:"state"`             // met, missed, or none if no objective is configured
	Seconds float64 `json:"objective_seconds"` // 0 for none
	Age     float64 `json:"age_seconds"`       // of the newest proven backup in the destination that is worst off
}

// body is the event as JSON, on one line.
func (e *Event) body() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // names of destinations have arrows in them
	err := encoder.Encode(e)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// environment are the variables of a command.
func (e *Event) environment() []string {
	var names, behind []string
	for _, d := range e.Destinations {
		names = append(names, d.Name)
		if d.Behind {
			behind = append(behind, d.Name)
		}
	}
	var env []string
	set := func(name, value string) {
		env = append(env, "LICTOR_"+name+"="+strings.ReplaceAll(value, "\x00", "\uFFFD"))
	}
	set("EVENT", string(e.Event))
	set("TEXT", e.Text)
	set("CLUSTER", e.Cluster)
	set("DATACENTER", e.Datacenter)
	set("NODE", e.Node)
	set("LEADING", strconv.FormatBool(e.Leading))
	set("TIME", moment(&e.Time))
	set("DESTINATIONS", strings.Join(names, "\n"))
	set("BEHIND", strings.Join(behind, "\n"))
	set("ID", e.ID)
	set("INDEX", strconv.FormatUint(e.Index, 10))
	set("PROOF", e.Proof)
	set("STAGE", e.Stage)
	set("REASON", e.Reason)
	set("FAILURES", strconv.Itoa(e.Failures))
	set("LAST_GOOD", moment(e.LastGood))
	set("NEXT", moment(e.Next))
	set("RPO", e.RPO.State)
	set("RPO_SECONDS", strconv.FormatFloat(e.RPO.Seconds, 'f', -1, 64))
	set("RPO_AGE_SECONDS", strconv.FormatFloat(e.RPO.Age, 'f', 0, 64))
	return env
}

// moment is a time as text, empty for none.
func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
