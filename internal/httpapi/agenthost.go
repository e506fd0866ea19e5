package httpapi

import (
	"net/http"

	"github.com/lictor-dr/lictor/internal/acl"
)

func (h *Handler) agentHost(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.Operator, acl.Read, ""); err != nil {
		return err
	}
	return writeJSON(w, r, h.backend.Host())
}

// HostInfo is the answer of /v1/agent/host. A part that could not be read is nil.
type HostInfo struct {
	Memory         *HostMemory
	CPU            []HostCPU
	Host           *HostSystem
	Disk           *HostDisk
	CollectionTime int64    // nanoseconds since 1970
	Errors         []string // why a part is missing
}

// HostMemory is the memory of a machine, in bytes.
type HostMemory struct {
	Total       uint64  `json:"total"`
	Available   uint64  `json:"available"`
	Used        uint64  `json:"used"`
	UsedPercent float64 `json:"usedPercent"`
	Free        uint64  `json:"free"`
	Active      uint64  `json:"active"`
	Inactive    uint64  `json:"inactive"`
	Buffers     uint64  `json:"buffers"`
	Cached      uint64  `json:"cached"`
	Dirty       uint64  `json:"dirty"`
	WriteBack   uint64  `json:"writeBack"`
	Shared      uint64  `json:"shared"`
	Slab        uint64  `json:"slab"`
	SwapTotal   uint64  `json:"swapTotal"`
	SwapFree    uint64  `json:"swapFree"`
}

// HostCPU is one processor as the operating system counts them.
type HostCPU struct {
	CPU        int      `json:"cpu"`
	VendorID   string   `json:"vendorId"`
	Family     string   `json:"family"`
	Model      string   `json:"model"`
	Stepping   int      `json:"stepping"`
	PhysicalID string   `json:"physicalId"`
	CoreID     string   `json:"coreId"`
	Cores      int      `json:"cores"`
	ModelName  string   `json:"modelName"`
	MHz        float64  `json:"mhz"`
	CacheSize  int      `json:"cacheSize"` // KiB
	Flags      []string `json:"flags"`
	Microcode  string   `json:"microcode"`
}

// HostSystem is a machine's operating system.
type HostSystem struct {
	Hostname      string `json:"hostname"`
	Uptime        uint64 `json:"uptime"`   // seconds
	BootTime      uint64 `json:"bootTime"` // seconds since 1970
	Procs         uint64 `json:"procs"`
	OS            string `json:"os"`
	Platform      string `json:"platform"`
	Version       string `json:"platformVersion"`
	KernelVersion string `json:"kernelVersion"`
	KernelArch    string `json:"kernelArch"`
}

// HostDisk is the file system that a path is on. Sizes are in bytes.
type HostDisk struct {
	Path              string  `json:"path"`
	FSType            string  `json:"fstype"`
	Total             uint64  `json:"total"`
	Free              uint64  `json:"free"` // for users who are not root
	Used              uint64  `json:"used"`
	UsedPercent       float64 `json:"usedPercent"`
	InodesTotal       uint64  `json:"inodesTotal"`
	InodesUsed        uint64  `json:"inodesUsed"`
	InodesFree        uint64  `json:"inodesFree"`
	InodesUsedPercent float64 `json:"inodesUsedPercent"`
}
