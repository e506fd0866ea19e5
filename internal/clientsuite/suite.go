package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// client is the module whose tests are run, and version the one that the lists of tests were made for.
const (
	client  = "github.com/hashicorp/consul/api"
	version = "v1.33.0"
)

// A suite is the client's tests, built, and the server that they find.
type suite struct {
	dir     string // for the files of the tests
	source  string // where the tests are run: some read files beside them
	program string
	tests   map[string]bool // all that the program has
	path    string          // the folder that has the server under test as consul
	timeout time.Duration
}

// build makes a suite in dir. With follower its tests find this program, which starts more servers beside the one under test.
func build(ctx context.Context, dir, lictor string, follower bool) (*suite, error) {
	s := &suite{dir: dir, source: filepath.Join(dir, "api"), program: filepath.Join(dir, "api.test"), path: filepath.Join(dir, "bin")}
	if err := s.install(lictor, follower); err != nil {
		return nil, fmt.Errorf("the server to test: %w", err)
	}
	module, err := download(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("download %s@%s: %w", client, version, err)
	}
	if err := os.CopyFS(s.source, os.DirFS(module)); err != nil {
		return nil, fmt.Errorf("copy the client's module: %w", err)
	}
	// The module's go.sum lacks what only its tests need.
	if _, err := goCommand(ctx, s.source, "test", "-c", "-mod=mod", "-o", s.program, "."); err != nil {
		return nil, fmt.Errorf("build the client's tests: %w", err)
	}
	s.tests, err = s.list(ctx)
	return s, err
}

// install makes the folder for the PATH.
func (s *suite) install(lictor string, follower bool) error {
	target, err := filepath.Abs(lictor)
	if err != nil {
		return err
	}
	if _, err := exec.LookPath(target); err != nil {
		return err
	}
	if err := os.Mkdir(s.path, 0o700); err != nil {
		return err
	}
	if !follower {
		return os.Symlink(target, filepath.Join(s.path, "consul"))
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return errors.Join(os.Symlink(target, filepath.Join(s.path, wrapped)), os.Symlink(self, filepath.Join(s.path, "consul")))
}

// download has the go command fetch the module, unless it has it, and returns the folder it is in.
func download(ctx context.Context, dir string) (string, error) {
	out, err := goCommand(ctx, dir, "mod", "download", "-json", client+"@"+version)
	var module struct{ Dir, Error string }
	if e := json.Unmarshal(out, &module); e == nil && module.Error != "" {
		return "", errors.New(module.Error)
	}
	if err == nil && module.Dir == "" {
		err = errors.New("the go command does not say where it is")
	}
	return module.Dir, err
}

// goCommand runs the go command in dir, apart from Lictor's own module. It returns what was printed, complaints in the error.
func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &complaints
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("go %s: %w\n%s", args[0], err, bytes.TrimSpace(complaints.Bytes()))
	}
	return out.Bytes(), nil
}

// list asks the program for the names of its tests.
func (s *suite) list(ctx context.Context) (map[string]bool, error) {
	cmd := exec.CommandContext(ctx, s.program, "-test.list=.")
	cmd.Dir = s.source
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the client's tests: %w", err)
	}
	tests := map[string]bool{}
	for _, name := range strings.Fields(string(out)) {
		tests[name] = true
	}
	return tests, nil
}
