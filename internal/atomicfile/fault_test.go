package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// faulty is the operating system, with the named step failing. It notes the steps in order.
type faulty struct {
	osSystem
	faults map[string]error
	steps  []string
}

func (s *faulty) at(step string) error {
	s.steps = append(s.steps, step)
	if err := s.faults[step]; err != nil {
		return &os.PathError{Op: step, Path: "/some/where", Err: err}
	}
	return nil
}

func (s *faulty) createTemp(dir, pattern string) (tempFile, error) {
	if err := s.at("create"); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, pattern)
	return &faultyFile{f, s}, err
}

func (s *faulty) rename(oldPath, newPath string) error {
	if err := s.at("rename"); err != nil {
		return err
	}
	return s.osSystem.rename(oldPath, newPath)
}

func (s *faulty) syncDir(dir string) error {
	if err := s.at("syncdir"); err != nil {
		return err
	}
	return s.osSystem.syncDir(dir)
}

type faultyFile struct {
	*os.File
	sys *faulty
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.sys.at("write"); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) Chmod(mode os.FileMode) error {
	if err := f.sys.at("chmod"); err != nil {
		return err
	}
	return f.File.Chmod(mode)
}

func (f *faultyFile) Sync() error {
	if err := f.sys.at("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Close() error { return errors.Join(f.sys.at("close"), f.File.Close()) }

// write does all steps; it stops at the first error.
func write(t *testing.T, sys system, path string, warn func(error)) error {
	t.Helper()
	f, err := create(t.Context(), sys, path, warn)
	if err != nil {
		return err
	}
	if _, err := f.Write([]byte("new")); err != nil {
		return err
	}
	return f.Commit()
}

func TestStepsInOrder(t *testing.T) {
	sys := &faulty{}
	if err := write(t, sys, filepath.Join(t.TempDir(), "a"), nil); err != nil {
		t.Fatal(err)
	}
	want := []string{"create", "chmod", "write", "sync", "close", "rename", "syncdir"}
	if !slices.Equal(sys.steps, want) {
		t.Errorf("steps %v", sys.steps)
	}
}

func TestEveryFaultLeavesTheTargetAlone(t *testing.T) {
	for _, step := range []string{"create", "chmod", "write", "sync", "close", "rename"} {
		for _, target := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, target exists: %v", step, target), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "a")
				if target {
					if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				sys := &faulty{faults: map[string]error{step: syscall.EIO}}
				err := write(t, sys, path, func(err error) { t.Errorf("warning: %v", err) })
				if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %v", err)
				}
				entries, _ := os.ReadDir(filepath.Dir(path))
				data, _ := os.ReadFile(path)
				if target && (len(entries) != 1 || string(data) != "old") || !target && len(entries) != 0 {
					t.Errorf("left: %v, %q", entries, data)
				}
			})
		}
	}
}

func TestDirectoryThatCannotBeSynced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	sys := &faulty{faults: map[string]error{"syncdir": syscall.EIO}}
	err := write(t, sys, path, func(err error) { t.Errorf("warning: %v", err) })
	if want := "sync directory " + filepath.Dir(path) + ": input/output error"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if data, _ := os.ReadFile(path); string(data) != "new" {
		t.Errorf("the file holds %q", data)
	}
}

func TestMountThatRefuses(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EPERM, syscall.EINVAL, syscall.ENOTSUP, syscall.ENOSYS, syscall.EACCES} {
		t.Run(errno.Error(), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a")
			sys := &faulty{faults: map[string]error{"chmod": errno, "syncdir": errno}}
			var warnings []error
			if err := write(t, sys, path, func(err error) { warnings = append(warnings, err) }); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("the file is written, but its file system refuses to set mode 0600 of %s: %v, and to sync directory %s: %v",
				path, errno, filepath.Dir(path), errno)
			if len(warnings) != 1 || warnings[0].Error() != want || !errors.Is(warnings[0], errno) {
				t.Errorf("warnings %v, want %s", warnings, want)
			}
			if data, _ := os.ReadFile(path); string(data) != "new" {
				t.Errorf("the file holds %q", data)
			}
			if err := write(t, sys, path, nil); err != nil {
				t.Errorf("without a hook: %v", err)
			}
		})
	}
}

func TestRefusalThatComesToNothingIsNotReported(t *testing.T) {
	sys := &faulty{faults: map[string]error{"chmod": syscall.EPERM, "sync": syscall.EIO}}
	err := write(t, sys, filepath.Join(t.TempDir(), "a"), func(err error) { t.Errorf("warning: %v", err) })
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
}

func TestRenameOnAMountThatRefuses(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "sub", "b")
	if err := errors.Join(os.WriteFile(a, nil, 0o600), os.Mkdir(filepath.Dir(b), 0o700)); err != nil {
		t.Fatal(err)
	}
	sys := &faulty{faults: map[string]error{"syncdir": syscall.EINVAL}}
	warnings := 0
	if err := rename(sys, a, b, func(error) { warnings++ }); err != nil || warnings != 1 {
		t.Errorf("%v, %d warnings", err, warnings)
	}
	if want := []string{"rename", "syncdir", "syncdir"}; !slices.Equal(sys.steps, want) {
		t.Errorf("steps %v", sys.steps)
	}
	sys.faults["syncdir"] = syscall.EIO
	if err := rename(sys, b, a, nil); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
}
