package snapshotagent

import (
	"encoding/json"
	"net/http"
	"time"
)

// Health is what /health?format=json answers, and `lictor snapshot status` shows. Durations are in seconds.
type Health struct {
	Healthy      bool                `json:"healthy"`
	Reason       string              `json:"reason"` // why it is not healthy
	Cluster      string              `json:"cluster"`
	Datacenter   string              `json:"datacenter"`
	Node         string              `json:"node"` // the agent's host
	Leading      bool                `json:"leading"`
	LastProven   *time.Time          `json:"last_proven"`
	Age          float64             `json:"age_seconds"`     // since then, or since the agent started
	MaxAge       float64             `json:"max_age_seconds"` // above which the agent calls itself unhealthy, with an objective or without
	RPO          HealthObjective     `json:"rpo"`
	Destinations []HealthDestination `json:"destinations"`
	LastError    string              `json:"last_error"` // of the last run, if that failed
	Trouble      string              `json:"lock_trouble"`
	NextRun      *time.Time          `json:"next_run"`
}

// HealthObjective is the objective, and whether it is met.
type HealthObjective struct {
	State     string  `json:"state"` // met, missed, or none if no objective is configured
	Objective float64 `json:"objective_seconds"`
	Age       float64 `json:"age_seconds"` // of the destination that is worst off
}

// HealthDestination is what can be brought back from a destination.
type HealthDestination struct {
	Name   string     `json:"name"`
	ID     string     `json:"id"`          // of its newest proven backup; empty if there is none
	Newest *time.Time `json:"newest"`      // the state is of this moment
	Age    *float64   `json:"age_seconds"` // null if it has none
	Met    *bool      `json:"met"`         // null without an objective
	Behind bool       `json:"behind"`
}

// Judge makes the statement on destinations: whether each meets the objective, which may be 0 for none.
func Judge(covered []Covered, rpo time.Duration) (objective HealthObjective, destinations []HealthDestination) {
	objective = HealthObjective{State: "none", Objective: rpo.Seconds()}
	if rpo > 0 {
		objective.State = "met"
	}
	for _, c := range covered {
		d := HealthDestination{Name: c.Name, ID: c.ID, Newest: optional(c.Newest), Behind: c.Behind}
		if c.Age != Never {
			objective.Age = max(objective.Age, c.Age.Seconds())
		}
		if c.ID != "" {
			age := c.Age.Seconds()
			d.Age = &age
		}
		if rpo > 0 {
			met := c.Age <= rpo
			d.Met = &met
			if !met {
				objective.State = "missed"
			}
		}
		destinations = append(destinations, d)
	}
	return objective, destinations
}

// health is the statement on a status that is unhealthy for a reason, or is not.
func (a *Agent) health(s *Status, reason string) *Health {
	current := a.current.Load()
	e := a.event(s)
	h := &Health{
		Healthy: reason == "", Reason: reason, Cluster: e.Cluster, Datacenter: e.Datacenter, Node: e.Node, Leading: s.Leading,
		LastProven: optional(s.LastProven), Age: s.Age.Seconds(), MaxAge: current.MaxAge.Seconds(), LastError: s.LastError, Trouble: s.Trouble,
		NextRun: optional(s.NextRun),
	}
	h.RPO, h.Destinations = Judge(s.Covered, current.RPO)
	return h
}

func (a *Agent) serveHealthJSON(w http.ResponseWriter, s *Status, reason string) {
	w.Header().Set("Content-Type", "application/json")
	if reason != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "    ")
	e.SetEscapeHTML(false)
	_ = e.Encode(a.health(s, reason)) // a client that has gone needs no answer
}
