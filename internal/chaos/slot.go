//go:build heavy && linux

package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// A slot is what one test program may call its own: a range of addresses, the names of namespaces and interfaces, and a directory. The
// lock of a file says that it is taken, and goes with the process.
type slot int

const slots = 64

// ours is the slot of this program.
var ours = sync.OnceValues(takeSlot)

func takeSlot() (slot, error) {
	sweepAll()
	for s := range slot(slots) {
		if _, err := s.lock(); err == nil {
			return s, nil // locked until the program ends
		}
	}
	return 0, fmt.Errorf("%d programs of these tests run at once, or %s cannot be written: no range of addresses is left", slots, os.TempDir())
}

// sweepAll removes what programs that were killed have left behind.
func sweepAll() {
	for s := range slot(slots) {
		if !s.used() {
			continue
		}
		if fd, err := s.lock(); err == nil {
			s.sweep()
			syscall.Close(fd)
		}
	}
}

// lock takes the slot, unless another program has it. It is given back when the file is closed.
func (s slot) lock() (fd int, err error) {
	fd, err = syscall.Open(s.directory()+".lock", syscall.O_CREAT|syscall.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return 0, err
	}
	if err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		syscall.Close(fd)
		return 0, err
	}
	return fd, nil
}

func (s slot) name() string            { return fmt.Sprintf("lictor-chaos-%d", s) }
func (s slot) directory() string       { return filepath.Join(os.TempDir(), s.name()) }
func (s slot) bridge() string          { return fmt.Sprintf("lch%dbr", s) }
func (s slot) link(n int) string       { return fmt.Sprintf("lch%ds%d", s, n) }
func (s slot) namespace(n int) string  { return fmt.Sprintf("%s-s%d", s.name(), n) }
func (s slot) address(host int) string { return fmt.Sprintf("198.18.%d.%d", s, host) } // of the range for tests of devices
func (s slot) loopback(n int) string   { return fmt.Sprintf("127.18.%d.%d", s, n) }
func (s slot) hardware(n int) string   { return fmt.Sprintf("02:4c:43:00:%02x:%02x", int(s), n) }

// used tells whether there is something to sweep.
func (s slot) used() bool {
	_, err := os.Stat(s.directory())
	return err == nil || len(s.namespaces())+len(s.links()) > 0
}

// sweep removes what there is in the slot.
func (s slot) sweep() {
	for _, path := range s.namespaces() {
		_ = ip("netns", "delete", filepath.Base(path))
	}
	for _, path := range s.links() {
		_ = ip("link", "delete", filepath.Base(path)) // or it went with its namespace
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == s.name() {
			_ = syscall.Unmount(fields[1], 0)
		}
	}
	_ = os.RemoveAll(s.directory())
}

func (s slot) namespaces() []string { return glob("/run/netns/" + s.name() + "-*") }
func (s slot) links() []string      { return glob(fmt.Sprintf("/sys/class/net/lch%d[sb]*", s)) }

func glob(pattern string) []string {
	paths, _ := filepath.Glob(pattern) // only a bad pattern is an error
	return paths
}

// ip runs the command of that name.
func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
