package drill

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// childAttr lets a process die with the thread that started it.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

const (
	lowestPriority = 19
	ioIdle         = 3 << 13 // class idle: the disk when nobody else wants it
	ioOfProcess    = 1
)

// stepBack makes this process the last for processor and disk, and the first to be killed when memory runs out.
func stepBack() error {
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
		return fmt.Errorf("offer this process when memory runs out: %w", err)
	}
	for range 2 { // priorities belong to threads; one may have been made while we looked
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("list the threads of this process: %w", err)
		}
		for _, t := range tasks {
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				continue
			}
			if err := syscall.Setpriority(syscall.PRIO_PROCESS, id, lowestPriority); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("lower the priority: %w", err)
			}
			_, _, _ = syscall.Syscall(syscall.SYS_IOPRIO_SET, ioOfProcess, uintptr(id), ioIdle) // sandboxes forbid it: no reason to fail
		}
	}
	return nil
}

// limitMemory makes the system refuse this process, and each that it starts, more memory than that. Of Go's memory it is the private
// writable mappings that count, which the limit of data holds down; that of addresses would count what Go reserves and does not use.
func limitMemory(limit int64) error {
	l := syscall.Rlimit{Cur: uint64(limit), Max: uint64(limit)}
	return syscall.Setrlimit(syscall.RLIMIT_DATA, &l)
}

// peakMemory is the most that this process has had in memory, in bytes.
func peakMemory() int64 {
	file, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	kb, _ := lineValue(file, "VmHWM:")
	return kb << 10
}

// availableMemory is how much memory processes can still get without others being pushed out: of the machine, or of the control group
// that this process is in.
func availableMemory() (n int64, known bool) {
	n, known = machineMemory()
	if left, bounded := groupMemory(); bounded && (!known || left < n) {
		return left, true
	}
	return n, known
}

func machineMemory() (int64, bool) {
	file, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	kb, ok := lineValue(file, "MemAvailable:")
	return kb << 10, ok
}

// lineValue is the number behind a name at the start of a line.
func lineValue(file []byte, name string) (int64, bool) {
	lines := bufio.NewScanner(bytes.NewReader(file))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == name {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// groupMemory is what is left below the limit of the control group (version 2), caches taken for free.
func groupMemory() (int64, bool) {
	file, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	_, group, ok := strings.Cut(strings.TrimSpace(string(file)), "0::")
	if !ok {
		return 0, false
	}
	dir := filepath.Join("/sys/fs/cgroup", group)
	limit, bounded := fileNumber(filepath.Join(dir, "memory.max"))
	used, known := fileNumber(filepath.Join(dir, "memory.current"))
	if !bounded || !known {
		return 0, false
	}
	stat, _ := os.ReadFile(filepath.Join(dir, "memory.stat"))
	cache, _ := lineValue(stat, "inactive_file")
	return max(limit-used+cache, 0), true
}

// fileNumber reads a file that holds one number; "max" is none.
func fileNumber(path string) (int64, bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil
}
