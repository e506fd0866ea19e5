package recordjson

import "time"

type kvEntry struct {
	LockIndex   uint64
	Key         string
	Flags       uint64
	Value       []byte
	Session     string `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

type session struct {
	ID            string
	Name          string
	Node          string
	LockDelay     time.Duration
	Behavior      string
	TTL           string
	Checks        []string `json:",omitempty"` // before 1.7
	NodeChecks    []string
	ServiceChecks []serviceCheck
	CreateIndex   uint64
	ModifyIndex   uint64
}

type serviceCheck struct {
	ID        string
	Namespace string
}

type preparedQuery struct {
	ID          string
	Name        string
	Session     string
	Token       string
	Template    queryTemplate
	Service     queryService
	DNS         queryDNS
	CreateIndex uint64
	ModifyIndex uint64
}

type queryTemplate struct {
	Type            string
	Regexp          string
	RemoveEmptyTags bool
}

type queryService struct {
	Service        string
	SamenessGroup  string
	Failover       queryFailover
	OnlyPassing    bool
	IgnoreCheckIDs []string
	Near           string
	Tags           []string
	NodeMeta       map[string]string
	ServiceMeta    map[string]string
	Connect        bool
	Peer           string
}

type queryFailover struct {
	NearestN    int
	Datacenters []string
	Targets     []queryTarget
}

type queryTarget struct {
	Peer       string
	Datacenter string
}

type queryDNS struct{ TTL string }

type index struct {
	Key   string
	Value uint64
}

type autopilot struct {
	CleanupDeadServers      bool
	LastContactThreshold    time.Duration
	MaxTrailingLogs         uint64
	MinQuorum               uint
	ServerStabilizationTime time.Duration
	RedundancyZoneTag       string
	DisableUpgradeMigration bool
	UpgradeVersionTag       string
	CreateIndex             uint64
	ModifyIndex             uint64
}

type systemMetadata struct {
	Key         string
	Value       string
	CreateIndex uint64
	ModifyIndex uint64
}

type chunkingState struct {
	ChunkMap map[uint64][]*chunk
}

type chunk struct {
	OpNum       uint64
	SequenceNum uint32
	NumChunks   uint32
	Term        uint64
	Data        []byte
}
