//go:build heavy && unix

package soak

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/testproc"
)

// lateness is what the promise adds to the interval: the next backup is there by then, whatever happened to the leader.
const lateness = 60 * time.Second

// A setup is the configuration of a snapshot agent.
type setup struct {
	interval time.Duration
	retain   int
	local    []string // directories
	s3       string   // URL of the server
	scratch  string
	skip     bool // what has not changed
	rpo      time.Duration
	shrink   string // by how much the state may shrink; empty: by all
	hooks    map[string]any
}

// write writes the configuration to a file.
func (s *setup) write(t testing.TB, path, listen string) {
	t.Helper()
	destinations := map[string]any{}
	if s.s3 != "" {
		destinations["aws_storage"] = []any{map[string]any{
			"s3_bucket": bucket, "s3_region": "r", "s3_endpoint": s.s3, "s3_force_path_style": true,
			"access_key_id": "id", "secret_access_key": "secret", "retain": s.retain,
		}}
	}
	var local []any
	for _, dir := range s.local {
		local = append(local, map[string]any{"path": dir, "retain": s.retain})
	}
	if local != nil {
		destinations["local_storage"] = local
	}
	b, err := json.Marshal(map[string]any{"snapshot_agent": map[string]any{
		"snapshot": map[string]any{
			"interval": s.interval.String(), "retain": s.retain, "max_shrink": cmp.Or(s.shrink, "100%"), "local_scratch_path": s.scratch, "skip_unchanged": s.skip, "rpo": s.rpo.String(),
		},
		"listen":              listen,
		"hooks":               s.hooks,
		"log":                 map[string]any{"level": "DEBUG"},
		"backup_destinations": destinations,
	}})
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A keeper is one run of a snapshot agent.
type keeper struct {
	*testproc.Process
	listen string
	config string // path
	tmp    string // its directory for temporary files; nobody else's
}

// keep starts a snapshot agent, without waiting for anything.
func keep(t testing.TB, consul string, s *setup) *keeper {
	t.Helper()
	k := &keeper{config: filepath.Join(t.TempDir(), "agent.json"), tmp: t.TempDir()}
	k.listen = fmt.Sprint("127.0.0.1:", testproc.FreePorts(t, 1)[0])
	s.write(t, k.config, k.listen)
	k.Process = testproc.Start(t, tool(k.tmp, "snapshot", "agent", "-http-addr="+consul, "-config-file="+k.config))
	return k
}

// tool is a command of the program, with a directory of its own for temporary files.
func tool(tmp string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	return cmd
}

// ask reads a page of the agent.
func (k *keeper) ask(path string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+k.listen+path, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(b)), err
}

// healthy waits until /health answers with a status, and returns what it says.
func (k *keeper) healthy(t testing.TB, status int, limit time.Duration) (text string) {
	t.Helper()
	err := k.Await(limit, func() error {
		got, body, err := k.ask("/health")
		if text = body; err == nil && got != status {
			err = fmt.Errorf("/health answers %d: %s", got, body)
		}
		return err
	})
	if err != nil {
		t.Fatalf("want status %d of /health: %v; the agent said:\n%s", status, err, k.Tail(30))
	}
	return text
}

// metric is the value of a metric, as it is spelled with its labels.
func (k *keeper) metric(t testing.TB, name string) float64 {
	t.Helper()
	_, body, err := k.ask("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("there is no metric %s in:\n%s", name, body)
	return 0
}

// says waits until the agent has said something so many times.
func (k *keeper) says(t testing.TB, text string, times int, limit time.Duration) {
	t.Helper()
	err := k.Await(limit, func() error {
		if n := strings.Count(k.Said(), text); n < times {
			return fmt.Errorf("it said %q %d times, not %d", text, n, times)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%v; it said last:\n%s", err, k.Tail(30))
	}
}

// children are the processes that a process has started and that still run.
func children(pid int) (all []int) {
	tasks := fmt.Sprintf("/proc/%d/task", pid)
	for _, task := range names(tasks) {
		b, _ := os.ReadFile(filepath.Join(tasks, task, "children"))
		for _, field := range strings.Fields(string(b)) {
			if n, err := strconv.Atoi(field); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}

// peak is the largest resident size that a process has had, in bytes; 0 if that is not known.
func peak(pid int) int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10
		}
	}
	return 0
}
