package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
)

// A target is a server that is measured.
type target struct {
	name   string
	addr   string // host:port of its HTTP API
	pid    int
	binary string // the command whose `snapshot inspect` is timed, or empty
	token  string // ACL token, or empty
	http   *http.Client

	verifies bool // whether the command can verify an archive
	own      *own // how it was started, if this program has done it
}

// parseTarget reads NAME=ADDR,PID[,BINARY].
func parseTarget(text string) (*target, error) {
	name, rest, ok := strings.Cut(text, "=")
	fields := strings.Split(rest, ",")
	if !ok || name == "" || len(fields) < 2 || len(fields) > 3 {
		return nil, fmt.Errorf("server %q is not of the form NAME=ADDR,PID[,BINARY]", text)
	}
	if _, _, err := net.SplitHostPort(fields[0]); err != nil {
		return nil, fmt.Errorf("server %s: address of the HTTP API: %w", name, err)
	}
	pid, err := strconv.Atoi(fields[1])
	if err != nil || pid <= 0 {
		return nil, fmt.Errorf("server %s: %q is not a process ID", name, fields[1])
	}
	t := newTarget(name, fields[0], pid)
	if len(fields) == 3 {
		t.binary = fields[2]
	}
	return t, nil
}

func newTarget(name, addr string, pid int) *target {
	return &target{name: name, addr: addr, pid: pid, token: os.Getenv("CONSUL_HTTP_TOKEN"), http: &http.Client{Timeout: 10 * time.Minute}}
}

// do sends a request and returns the answer, whose status is one of good; its body is the caller's.
func (t *target) do(ctx context.Context, method, path string, body io.Reader, size int64, good ...int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+t.addr+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.ContentLength = size
	}
	if t.token != "" {
		req.Header.Set("X-Consul-Token", t.token)
	}
	resp, err := t.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.name, err)
	}
	for _, status := range good {
		if resp.StatusCode == status {
			return resp, nil
		}
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
	return nil, fmt.Errorf("%s: %s %s answered %s: %s", t.name, method, path, resp.Status, text)
}

// check looks for what would stop a run half-way, before anything is changed.
func (t *target) check(ctx context.Context, overwrite bool) error {
	if _, err := readMemory(t.pid); err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	if t.binary != "" {
		if _, err := exec.LookPath(t.binary); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	if overwrite {
		return nil
	}
	return t.checkOurs(ctx)
}

// checkOurs refuses a server that holds keys which were not written by this program.
func (t *target) checkOurs(ctx context.Context) error {
	resp, err := t.do(ctx, http.MethodGet, "/v1/kv/?keys&separator=/", nil, 0, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var keys []string
	if err := json.NewDecoder(resp.Body).Decode(&keys); err != nil && err != io.EOF {
		return fmt.Errorf("%s: list of keys: %w", t.name, err)
	}
	for _, key := range keys {
		if key != keyPrefix {
			return fmt.Errorf("%s holds the key %s, which would be lost: measure an empty server, or say -overwrite", t.name, key)
		}
	}
	return nil
}

// last is where the last of a load is found, and what is to be in the answer.
func (l load) last() (path, want string) {
	if l.Keys > 0 {
		return kvPath + l.key(l.Keys-1) + "?raw", string(l.appendValue(nil, l.Keys-1, 0))
	}
	return "/v1/session/info/" + l.sessionID(l.Sessions-1), l.nodeName((l.Sessions - 1) % l.Nodes)
}

// checkThere makes sure that the server holds the last of the load, which may have been changed.
func (t *target) checkThere(ctx context.Context, l load) error {
	path, _ := l.last()
	resp, err := t.do(ctx, http.MethodGet, path, nil, 0, http.StatusOK)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// checkLoaded makes sure that the server holds the last of the load as it was loaded.
func (t *target) checkLoaded(ctx context.Context, l load) error {
	path, want := l.last()
	resp, err := t.do(ctx, http.MethodGet, path, nil, 0, http.StatusOK)
	if err != nil {
		return fmt.Errorf("look at the last of the load: %w", err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil && !strings.Contains(string(got), want) {
		err = errors.New("it is another one")
	}
	if err != nil {
		return fmt.Errorf("%s: look at the last of the load: %w", t.name, err)
	}
	return nil
}

// save takes a snapshot, which read consumes, and returns how long the whole of it took.
func (t *target) save(ctx context.Context, read func(io.Reader) error) (time.Duration, error) {
	start := time.Now()
	resp, err := t.do(ctx, http.MethodGet, "/v1/snapshot", nil, 0, http.StatusOK)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if err := read(resp.Body); err != nil {
		return 0, fmt.Errorf("%s: read the snapshot: %w", t.name, err)
	}
	return time.Since(start), nil
}

// checkSave takes a snapshot and verifies its sums. It returns the length of the archive.
func (t *target) checkSave(ctx context.Context) (int64, error) {
	var size int64
	_, err := t.save(ctx, func(r io.Reader) error {
		result, err := archive.Read(r, nil)
		if err == nil {
			size = result.Bytes
		}
		return err
	})
	return size, err
}

// restore sends an archive and returns how long the server took for it.
func (t *target) restore(ctx context.Context, path string) (time.Duration, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	resp, err := t.do(ctx, http.MethodPut, "/v1/snapshot", f, info.Size(), http.StatusOK)
	if err != nil {
		return 0, err
	}
	return time.Since(start), resp.Body.Close()
}
