package agent

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/lictor-dr/lictor/internal/httpapi"
)

// Host describes the machine, as far as its operating system tells without rights.
func (b *backend) Host() httpapi.HostInfo {
	info := httpapi.HostInfo{CollectionTime: time.Now().UnixNano(), Host: &httpapi.HostSystem{OS: runtime.GOOS, KernelArch: runtime.GOARCH}}
	note := func(what string, err error) {
		if err != nil {
			info.Errors = append(info.Errors, fmt.Sprintf("%s: %v", what, err))
		}
	}
	var err error
	info.Host.Hostname, err = os.Hostname()
	note("host name", err)
	note("system", describeSystem(info.Host))
	info.Memory, err = hostMemory()
	note("memory", err)
	info.CPU, err = hostCPUs()
	note("processors", err)
	info.Disk, err = hostDisk(b.diskPath())
	note("disk", err)
	return info
}

// diskPath is a path on the disk that matters to the agent.
func (b *backend) diskPath() string {
	if b.config.DataDir == "" {
		return "/"
	}
	return b.config.DataDir
}

// percent is how much of a whole a part is.
func percent(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole) * 100
}
