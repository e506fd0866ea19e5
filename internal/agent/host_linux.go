package agent

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/lictor-dr/lictor/internal/httpapi"
)

func describeSystem(s *httpapi.HostSystem) error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	s.KernelVersion, s.KernelArch = unix.ByteSliceToString(name.Release[:]), unix.ByteSliceToString(name.Machine[:])
	s.Platform, s.Version = distribution("/etc/os-release")
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return err
	}
	stat, err := proc.Stat()
	if err != nil {
		return err
	}
	s.BootTime = stat.BootTime
	s.Uptime = uint64(max(time.Now().Unix()-int64(stat.BootTime), 0))
	running, err := proc.AllProcs()
	s.Procs = uint64(len(running))
	return err
}

// distribution reads the name and version of a distribution. Not every system has the file.
func distribution(path string) (name, release string) {
	f, err := os.Open(path)
	if err != nil {
		return "", ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		value = strings.Trim(value, `"'`)
		switch key {
		case "ID":
			name = value
		case "VERSION_ID":
			release = value
		}
	}
	return name, release
}

func hostMemory() (*httpapi.HostMemory, error) {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, err
	}
	m, err := proc.Meminfo()
	if err != nil {
		return nil, err
	}
	value := func(p *uint64) uint64 {
		if p == nil { // this kernel does not tell
			return 0
		}
		return *p
	}
	memory := &httpapi.HostMemory{
		Total: value(m.MemTotalBytes), Available: value(m.MemAvailableBytes), Free: value(m.MemFreeBytes), Active: value(m.ActiveBytes),
		Inactive: value(m.InactiveBytes), Buffers: value(m.BuffersBytes), Cached: value(m.CachedBytes), Dirty: value(m.DirtyBytes),
		WriteBack: value(m.WritebackBytes), Shared: value(m.ShmemBytes), Slab: value(m.SlabBytes),
		SwapTotal: value(m.SwapTotalBytes), SwapFree: value(m.SwapFreeBytes),
	}
	memory.Used = memory.Total - min(memory.Available, memory.Total)
	memory.UsedPercent = percent(memory.Used, memory.Total)
	return memory, nil
}

func hostCPUs() ([]httpapi.HostCPU, error) {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, err
	}
	found, err := proc.CPUInfo()
	if err != nil {
		return nil, err
	}
	var all []httpapi.HostCPU
	for _, c := range found {
		stepping, _ := strconv.Atoi(c.Stepping) // not all processors have one
		size, _ := strconv.Atoi(strings.TrimSuffix(c.CacheSize, " KB"))
		all = append(all, httpapi.HostCPU{
			CPU: int(c.Processor), VendorID: c.VendorID, Family: c.CPUFamily, Model: c.Model, Stepping: stepping, PhysicalID: c.PhysicalID,
			CoreID: c.CoreID, Cores: 1, ModelName: c.ModelName, MHz: c.CPUMHz, CacheSize: size,
			Flags: notNil(c.Flags), Microcode: c.Microcode,
		})
	}
	return all, nil
}

func hostDisk(path string) (*httpapi.HostDisk, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	size := uint64(s.Bsize)
	disk := &httpapi.HostDisk{
		Path: path, FSType: fileSystem(path), Total: s.Blocks * size, Free: s.Bavail * size, Used: (s.Blocks - s.Bfree) * size,
		InodesTotal: s.Files, InodesFree: s.Ffree, InodesUsed: s.Files - min(s.Ffree, s.Files),
	}
	disk.UsedPercent = percent(disk.Used, disk.Used+disk.Free)
	disk.InodesUsedPercent = percent(disk.InodesUsed, disk.InodesTotal)
	return disk, nil
}

// fileSystem is the type of the file system that a path is on, empty if that cannot be told.
func fileSystem(path string) (kind string) {
	mounts, err := procfs.GetMounts()
	if err != nil {
		return ""
	}
	if path, err = filepath.Abs(path); err != nil {
		return ""
	}
	longest := 0
	for _, m := range mounts {
		below := path == m.MountPoint || strings.HasPrefix(path, strings.TrimSuffix(m.MountPoint, "/")+"/")
		if below && len(m.MountPoint) >= longest {
			kind, longest = m.FSType, len(m.MountPoint)
		}
	}
	return kind
}
