package agentconfig

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReloadReadsAgain(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "a.hcl", `log_level = "warn"`)
	c := mustServer(t, "", "-config-dir", dir)
	for _, step := range []struct {
		hcl, level string
		warned     bool
		err        string
	}{
		{`log_level = "err"`, "ERROR", false, ""},
		{`log_level = "zz"`, "WARN", true, ""}, // that of c
		{`log_level = 1`, "", false, "expected type 'string'"},
	} {
		write(t, dir, "a.hcl", step.hcl)
		again, warnings, err := c.Reload()
		if step.err != "" {
			if err == nil || !strings.Contains(err.Error(), step.err) {
				t.Errorf("%s: %v", step.hcl, err)
			}
			continue
		}
		if err != nil || again.Log.Level != step.level {
			t.Errorf("%s: %v, %v", step.hcl, again, err)
		}
		if got := slices.Contains(warnings, "Invalid log level in new configuration: level=zz"); got != step.warned {
			t.Errorf("%s: warnings %q", step.hcl, warnings)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if again, _, err := c.Reload(); err != nil || again.Log.Level != "INFO" {
		t.Errorf("without the file: %v, %v", again, err)
	}
}

// What a running agent takes over is in the new configuration, and the one it runs with stays as it is.
func TestReloadOfACluster(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.hcl", `retry_join = ["a"]`)
	c := mustServer(t, "", "-config-dir", dir)
	write(t, dir, "a.hcl", `retry_join = ["b"] node_meta { a = "b" }
		limits { rpc_rate = 1 rpc_max_burst = 2 rpc_max_conns_per_client = 3 rpc_client_timeout = "4s" }`)
	again, _, err := c.Reload()
	if err != nil {
		t.Fatal(err)
	}
	want := defaultLimits
	want.RPCRate, want.RPCMaxBurst, want.RPCMaxConnsPerClient, want.RPCClientTimeout = 1, 2, 3, 4*time.Second
	if again.Limits != want || again.NodeMeta["a"] != "b" {
		t.Errorf("limits %+v, node_meta %q", again.Limits, again.NodeMeta)
	}
	if c.Limits != defaultLimits || !slices.Equal(c.RetryJoin, []string{"a"}) || len(c.NodeMeta) > 0 {
		t.Errorf("the running configuration has changed: %+v", c)
	}
	write(t, dir, "a.hcl", `retry_join = ["provider=nowhere"]`)
	if _, _, err := c.Reload(); err == nil || !strings.HasPrefix(err.Error(), "retry_join: ") {
		t.Errorf("a bad file: %v", err)
	}
}

func TestFilesAreToldApart(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.hcl", `log_level = "warn"`)
	c := mustServer(t, "", "-config-dir", dir)
	if c.CurrentFiles() != c.LoadedFiles() || c.LoadedFiles() == "" {
		t.Error("nothing has changed, and the digests differ")
	}
	seen := []string{c.LoadedFiles()}
	for _, change := range []struct {
		name string
		do   func()
	}{
		{"content", func() { write(t, dir, "a.hcl", `log_level = "info"`) }},
		{"another file", func() { write(t, dir, "b.hcl", "") }},
		{"another name", func() { os.Rename(filepath.Join(dir, "b.hcl"), filepath.Join(dir, "c.hcl")) }},
		{"gone", func() { os.RemoveAll(dir) }},
	} {
		change.do()
		now := c.CurrentFiles()
		if slices.Contains(seen, now) {
			t.Errorf("%s: not told apart", change.name)
		}
		seen = append(seen, now)
	}
	if c.CurrentFiles() != seen[len(seen)-1] {
		t.Error("what cannot be read is another at each look")
	}
}
