package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
)

func (h *Handler) autopilotRoutes() []route {
	return []route{
		{path: "/v1/operator/autopilot/configuration", methods: []method{
			{http.MethodGet, h.autopilotConfiguration},
			{http.MethodPut, h.autopilotConfigure},
		}},
		{path: "/v1/operator/autopilot/health", methods: []method{{http.MethodGet, h.autopilotHealth}}},
		{path: "/v1/operator/autopilot/state", methods: []method{{http.MethodGet, h.autopilotState}}},
	}
}

// A Duration is text in JSON, as 1m30s; a number is read as one of nanoseconds.
type Duration time.Duration

// MarshalText writes d as text.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalJSON reads text or a number; null changes nothing.
func (d *Duration) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var text string
	if json.Unmarshal(b, &text) != nil {
		var number float64
		if err := json.Unmarshal(b, &number); err != nil {
			return err
		}
		*d = Duration(number)
		return nil
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	*d = Duration(parsed)
	return nil
}

// autopilotView is the autopilot configuration as the API shows it.
type autopilotView struct {
	CleanupDeadServers      bool
	LastContactThreshold    Duration
	MaxTrailingLogs         uint64
	MinQuorum               uint
	ServerStabilizationTime Duration
	RedundancyZoneTag       string
	DisableUpgradeMigration bool
	UpgradeVersionTag       string
	CreateIndex             uint64
	ModifyIndex             uint64
}

func viewAutopilot(a *record.Autopilot) *autopilotView {
	return &autopilotView{
		CleanupDeadServers: a.CleanupDeadServers, LastContactThreshold: Duration(a.LastContactThreshold), MaxTrailingLogs: a.MaxTrailingLogs,
		MinQuorum: a.MinQuorum, ServerStabilizationTime: Duration(a.ServerStabilizationTime), RedundancyZoneTag: a.RedundancyZoneTag,
		DisableUpgradeMigration: a.DisableUpgradeMigration, UpgradeVersionTag: a.UpgradeVersionTag,
		CreateIndex: a.CreateIndex, ModifyIndex: a.ModifyIndex,
	}
}

func (v *autopilotView) record() *record.Autopilot {
	return &record.Autopilot{
		CleanupDeadServers: v.CleanupDeadServers, LastContactThreshold: time.Duration(v.LastContactThreshold), MaxTrailingLogs: v.MaxTrailingLogs,
		MinQuorum: v.MinQuorum, ServerStabilizationTime: time.Duration(v.ServerStabilizationTime), RedundancyZoneTag: v.RedundancyZoneTag,
		DisableUpgradeMigration: v.DisableUpgradeMigration, UpgradeVersionTag: v.UpgradeVersionTag,
	}
}

// operatorRead checks that the caller may read what concerns operators, and waits until this server may answer.
func (h *Handler) operatorRead(r *request) error {
	if err := r.need(acl.Operator, acl.Read, ""); err != nil {
		return err
	}
	f, err := parseFreshness(r)
	if err != nil {
		return err
	}
	return h.barrier(r.Context(), f)
}

func (h *Handler) autopilotConfiguration(w http.ResponseWriter, r *request) error {
	if err := h.operatorRead(r); err != nil {
		return err
	}
	a := h.backend.Store().Autopilot()
	if a == nil { // only a leader writes the first one
		return errors.New("there is no autopilot configuration yet: ask again once there is a leader")
	}
	return writeJSON(w, r, viewAutopilot(a))
}

// autopilotConfigure sets the configuration. What the body leaves out gets its default.
func (h *Handler) autopilotConfigure(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.Operator, acl.Write, ""); err != nil {
		return err
	}
	body, err := readBody(r, maxRequestBody, "")
	if err != nil {
		return err
	}
	defaults := record.DefaultAutopilot()
	wanted := viewAutopilot(&defaults)
	if err := json.Unmarshal(body, wanted); err != nil {
		return badRequest("Error parsing autopilot config: %v", err)
	}
	next := wanted.record()
	if err := checkAutopilot(h.backend.Store().Autopilot(), next); err != nil {
		return badRequest("Error parsing autopilot config: %v", err)
	}
	cas := r.query.Get("cas") != ""
	if cas {
		if next.ModifyIndex, err = strconv.ParseUint(r.query.Get("cas"), 10, 64); err != nil {
			return badRequest("Error parsing cas value: %v", err)
		}
	}
	result, err := h.apply(r, fsm.SetAutopilot(next, cas), "raft apply failed: ")
	if err != nil {
		return err
	}
	return writeJSON(w, r, result.OK)
}

// checkAutopilot refuses what makes no sense, and what cannot be honoured unless it is there already.
func checkAutopilot(old, next *record.Autopilot) error {
	if old == nil {
		old = new(record.Autopilot)
	}
	switch {
	case next.LastContactThreshold < 0:
		return errors.New("LastContactThreshold cannot be negative")
	case next.ServerStabilizationTime < 0:
		return errors.New("ServerStabilizationTime cannot be negative")
	case next.RedundancyZoneTag != "" && next.RedundancyZoneTag != old.RedundancyZoneTag:
		return errors.New("RedundancyZoneTag: redundancy zones are a Consul Enterprise feature")
	case next.UpgradeVersionTag != "" && next.UpgradeVersionTag != old.UpgradeVersionTag:
		return errors.New("UpgradeVersionTag: upgrade migrations are a Consul Enterprise feature")
	}
	return nil
}

// clusterHealth is how all servers together are.
type clusterHealth struct {
	Healthy          bool
	FailureTolerance int // how many healthy servers may fail before there is no quorum
	Servers          []ServerHealth
}

func (h *Handler) clusterHealth() (*clusterHealth, error) {
	servers, err := h.backend.ServerHealth()
	if err != nil {
		return nil, err
	}
	c := &clusterHealth{Healthy: len(servers) > 0, Servers: notNil(servers)}
	voters, healthyVoters := 0, 0
	for _, s := range servers {
		c.Healthy = c.Healthy && s.Healthy
		if s.Voter {
			voters++
			if s.Healthy {
				healthyVoters++
			}
		}
	}
	quorum := voters/2 + 1
	c.FailureTolerance = max(healthyVoters-quorum, 0)
	return c, nil
}

func (h *Handler) autopilotHealth(w http.ResponseWriter, r *request) error {
	if err := h.operatorRead(r); err != nil {
		return err
	}
	c, err := h.clusterHealth()
	if err != nil {
		return err
	}
	if !c.Healthy {
		w.Header()["Content-Type"] = contentJSON
		w.WriteHeader(http.StatusTooManyRequests)
	}
	return writeJSON(w, r, c)
}

// serverState is a server as the state of autopilot shows it.
type serverState struct {
	ID          string
	Name        string
	Address     string
	NodeStatus  string
	Version     string
	LastContact Duration
	LastTerm    uint64
	LastIndex   uint64
	Healthy     bool
	StableSince time.Time
	ReadReplica bool
	Status      string
	Meta        map[string]string
	NodeType    string
}

func (h *Handler) autopilotState(w http.ResponseWriter, r *request) error {
	if err := h.operatorRead(r); err != nil {
		return err
	}
	c, err := h.clusterHealth()
	if err != nil {
		return err
	}
	answer := struct {
		Healthy                    bool
		FailureTolerance           int
		OptimisticFailureTolerance int
		Servers                    map[string]serverState
		Leader                     string
		Voters                     []string
	}{c.Healthy, c.FailureTolerance, c.FailureTolerance, map[string]serverState{}, "", []string{}}
	store := h.backend.Store()
	for _, s := range c.Servers {
		answer.Servers[s.ID] = viewServer(store, s)
		if s.Leader {
			answer.Leader = s.ID
		}
		if s.Voter {
			answer.Voters = append(answer.Voters, s.ID)
		}
	}
	return writeJSON(w, r, answer)
}

func viewServer(store Store, s ServerHealth) serverState {
	status := "non-voter"
	switch {
	case s.Leader:
		status = "leader"
	case s.Voter:
		status = "voter"
	}
	meta := map[string]string{}
	if _, node, _ := store.Node(nil, s.Name); node != nil {
		meta = notNilMap(node.NodeMeta)
	}
	return serverState{
		ID: s.ID, Name: s.Name, Address: s.Address, NodeStatus: s.SerfStatus, Version: s.Version, LastContact: s.LastContact,
		LastTerm: s.LastTerm, LastIndex: s.LastIndex, Healthy: s.Healthy, StableSince: s.StableSince, Status: status, Meta: meta, NodeType: "voter",
	}
}
