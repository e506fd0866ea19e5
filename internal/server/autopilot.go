package server

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/raft"
	autopilot "github.com/hashicorp/raft-autopilot"

	"github.com/lictor-dr/lictor/internal/version"
)

// AutopilotState is how the servers are, as the leader sees them.
type AutopilotState struct {
	Healthy          bool          // all servers are
	FailureTolerance int           // how many healthy voters may fail before there is no quorum
	Leader           string        // ID, empty without one
	Voters           []string      // IDs, the leader first
	Servers          []ServerState // in Raft's configuration, by ID
}

// A ServerState is how one server is.
type ServerState struct {
	ID         string
	Name       string // of its node; unknownName if no member of the pool has its ID
	Address    string // in Raft's configuration
	NodeStatus string // in the pool: alive, failed, left or none
	Version    string
	Stats
	Healthy     bool
	StableSince time.Time // when Healthy last changed
	Leader      bool
	Voter       bool
}

// unknownName stands for the name of a server that is in Raft's configuration, and nowhere else.
const unknownName = "(unknown)"

// AutopilotState is how the servers are. A server that does not lead, or has no pool, knows of the others what Raft's configuration and the
// pool tell; none of them counts as healthy.
func (s *Server) AutopilotState() (AutopilotState, error) {
	if s.pilot != nil && s.Leading() {
		if state := s.pilot.GetState(); len(state.Servers) > 0 {
			return viewState(state), nil
		}
	}
	return s.ownView()
}

func viewState(state *autopilot.State) AutopilotState {
	v := AutopilotState{Healthy: state.Healthy, FailureTolerance: state.FailureTolerance, Leader: string(state.Leader)}
	for _, id := range state.Voters {
		v.Voters = append(v.Voters, string(id))
	}
	for _, id := range slices.Sorted(maps.Keys(state.Servers)) {
		v.Servers = append(v.Servers, viewServer(state.Servers[id]))
	}
	return v
}

func viewServer(x *autopilot.ServerState) ServerState {
	status := string(x.Server.NodeStatus)
	if x.Server.Name == "" || x.Server.NodeStatus == autopilot.NodeUnknown {
		status = "none"
	}
	return ServerState{
		ID: string(x.Server.ID), Name: cmp.Or(x.Server.Name, unknownName), Address: string(x.Server.Address), NodeStatus: status,
		Version: x.Server.Version, Stats: Stats(x.Stats), Healthy: x.Health.Healthy, StableSince: x.Health.StableSince.UTC(),
		Leader: x.State == autopilot.RaftLeader, Voter: x.HasVotingRights(),
	}
}

// ownView is the state as far as this server knows it by itself.
func (s *Server) ownView() (AutopilotState, error) {
	servers, err := s.servers()
	if err != nil {
		return AutopilotState{}, err
	}
	_, leader := s.raft.LeaderWithID()
	known := map[raft.ServerID]*autopilot.Server{}
	if s.pilot != nil {
		known = s.pilot.KnownServers()
	}
	v := AutopilotState{Healthy: len(servers) > 0, Leader: string(leader)}
	healthyVoters := 0
	for _, member := range servers {
		x := autopilot.ServerState{Server: autopilot.Server{ID: member.ID}}
		if k := known[member.ID]; k != nil {
			x.Server = *k
		}
		x.Server.Address = member.Address
		one := viewServer(&x)
		one.Leader, one.Voter = member.ID == leader && leader != "", member.Suffrage == raft.Voter
		if one.ID == s.config.NodeID {
			s.describeSelf(&one)
		}
		v.Healthy = v.Healthy && one.Healthy
		if one.Voter {
			v.Voters = append(v.Voters, one.ID)
		}
		if one.Voter && one.Healthy {
			healthyVoters++
		}
		v.Servers = append(v.Servers, one)
	}
	v.FailureTolerance = max(healthyVoters-len(v.Voters)/2-1, 0)
	slices.SortFunc(v.Servers, func(a, b ServerState) int { return cmp.Compare(a.ID, b.ID) })
	return v, nil
}

// describeSelf fills in what this server knows of itself: it is well if it leads.
func (s *Server) describeSelf(x *ServerState) {
	x.Name, x.NodeStatus, x.Version = cmp.Or(s.ownName(), x.Name), "alive", version.Full
	x.Stats = s.Stats()
	x.Healthy, x.StableSince = s.Leading(), s.LeadingSince().UTC()
}

// ownName is the name of this server's node, empty if it registers none.
func (s *Server) ownName() string {
	if s.config.Node == nil {
		return ""
	}
	return s.config.Node.Node
}
