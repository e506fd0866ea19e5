package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// client is the module whose tests are run. The list of tests was made for this version.
const client = "github.com/hashicorp/consul/api@v1.33.0"

// A suite is the client's tests, built, and the server that they find.
type suite struct {
	dir     string // for the files of the tests
	source  string // where the tests are run: some read files beside them
	program string
	path    string // the PATH that has the server under test as consul
	timeout time.Duration
}

// build makes a suite in dir.
func build(ctx context.Context, dir, lictor string) (*suite, error) {
	s := &suite{dir: dir, source: filepath.Join(dir, "api"), program: filepath.Join(dir, "api.test")}
	lictor, err := filepath.Abs(lictor)
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		return nil, err
	}
	if err := os.Symlink(lictor, filepath.Join(bin, "consul")); err != nil {
		return nil, err
	}
	s.path = bin + string(os.PathListSeparator) + os.Getenv("PATH")
	module, err := download(ctx, dir)
	if err != nil {
		return nil, err
	}
	if err := copyModule(s.source, module); err != nil {
		return nil, fmt.Errorf("copy the module: %w", err)
	}
	_, err = goCommand(ctx, s.source, "test", "-c", "-mod=mod", "-o", s.program, ".")
	return s, err
}

// download has the go command fetch the module, and returns the folder it is in.
func download(ctx context.Context, dir string) (string, error) {
	out, err := goCommand(ctx, dir, "mod", "download", "-json", client)
	var module struct{ Dir, Error string }
	if e := json.Unmarshal(out, &module); e == nil && module.Error != "" {
		return "", errors.New(module.Error)
	}
	if err == nil && module.Dir == "" {
		err = fmt.Errorf("go mod download named no folder for %s", client)
	}
	return module.Dir, err
}

// copyModule copies a module out of the module cache, where nothing may be written.
func copyModule(to, from string) error {
	return fs.WalkDir(os.DirFS(from), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Mkdir(filepath.Join(to, path), 0o700)
		}
		b, err := os.ReadFile(filepath.Join(from, path))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, path), b, 0o600)
	})
}

// goCommand runs the go command in dir and returns its output, errors included if it failed.
func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &complaints
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("%s: %w\n%s", cmd, err, bytes.TrimSpace(complaints.Bytes()))
	}
	return out.Bytes(), nil
}
