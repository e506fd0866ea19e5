package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// memory is what a process has resident, in bytes.
type memory struct {
	now  int64
	peak int64 // since the process began, or since resetPeak
}

// readMemory reads the memory of a process from /proc.
func readMemory(pid int) (m memory, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, fmt.Errorf("read memory of a process: %w", err)
	}
	if m.now, err = statusField(b, "VmRSS"); err != nil {
		return m, err
	}
	m.peak, err = statusField(b, "VmHWM")
	return m, err
}

// statusField returns a field of /proc/PID/status that is in kB, in bytes.
func statusField(status []byte, name string) (int64, error) {
	for line := range bytes.Lines(status) {
		value, ok := bytes.CutPrefix(line, []byte(name+":"))
		if !ok {
			continue
		}
		kB, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(value), []byte("kB")))), 10, 64)
		return kB << 10, err
	}
	return 0, fmt.Errorf("no %s in the status of the process: has it ended?", name)
}

// resetPeak makes the peak of a process what it has resident now.
func resetPeak(pid int) error {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		return fmt.Errorf("reset the memory peak of a process (run as its user): %w", err)
	}
	return nil
}

// tick is the unit of processor times in /proc on Linux, whatever the machine.
const tick = 10 * time.Millisecond

// readCPU returns how much processor time a process has used.
func readCPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time of a process: %w", err)
	}
	return parseCPU(b)
}

// parseCPU adds up utime and stime, the 14th and 15th field. The second is the program's name in brackets, which may hold anything.
func parseCPU(stat []byte) (time.Duration, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const utime, stime = 14 - 3, 15 - 3
	if len(fields) <= stime {
		return 0, fmt.Errorf("the processor time of a process is not in %q", stat)
	}
	user, err := strconv.ParseInt(string(fields[utime]), 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(string(fields[stime]), 10, 64)
	return time.Duration(user+system) * tick, err
}
