//go:build heavy && unix

package soak

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/testproc"
)

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	p := newSite(t, dir).start(t).ready(t)
	start := time.Now()
	second := newSite(t, dir).start(t)
	code := second.exit(t)
	took := time.Since(start)
	want := fmt.Sprintf("data_dir %s is in use by another agent (pid %d)", dir, p.PID())
	if code != 1 || !strings.Contains(second.Said(), want) || took > 5*time.Second {
		t.Errorf("exit code %d after %v, with %q; want code 1, soon, with %q", code, took, second.Said(), want)
	}
	p.takesWrite(t, "probe", "v")
	p.kill()
	// The lock of a dead process holds nobody up.
	p.site.start(t).ready(t).holds(t, "probe", "v")
	t.Logf("refused after %v: %s", took.Round(time.Millisecond), second.Tail(1))
}

func TestSignalsStopCleanly(t *testing.T) {
	tests := []struct {
		name     string
		settings string
		signal   syscall.Signal
		code     int
	}{
		{"terminate", "", syscall.SIGTERM, 1},
		{"interrupt", "", syscall.SIGINT, 1},
		{"terminate and leave", "leave_on_terminate = true", syscall.SIGTERM, 0},
		{"interrupt and leave", "skip_leave_on_interrupt = false", syscall.SIGINT, 0},
	}
	s := newSite(t, t.TempDir())
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := s.start(t, tt.settings+" enable_debug = true").ready(t)
			for before := range i {
				p.holds(t, fmt.Sprint("before/", before), "v")
			}
			p.takesWrite(t, fmt.Sprint("before/", i), "v")
			answers := block(t, p, 40)
			start := time.Now()
			code := p.stop(t, tt.signal)
			if took := time.Since(start); code != tt.code || took > 5*time.Second {
				t.Errorf("exit code %d after %v, want %d, and not to wait for blocked queries", code, took, tt.code)
			}
			for range 40 {
				if err := <-answers; err != nil {
					t.Errorf("a blocked query was not answered: %v", err)
				}
			}
			if want := fmt.Sprintf("Exit code: code=%d", tt.code); !strings.Contains(p.Said(), want) {
				t.Errorf("the log does not say %q", want)
			}
		})
	}
}

// block starts queries that block, and returns once the server has them. Each sends on the channel how it ended.
func block(t *testing.T, p *process, queries int) <-chan error {
	t.Helper()
	a, err := p.get(context.Background(), "/v1/kv/before/?recurse")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, queries)
	for range queries {
		go func() {
			path := fmt.Sprintf("/v1/kv/before/?recurse&wait=5m&index=%d", a.index())
			b, err := p.get(context.Background(), path)
			if err == nil && b.status != http.StatusOK {
				err = fmt.Errorf("status %d", b.status)
			}
			ended <- err
		}()
	}
	if err := testproc.Eventually(readyLimit, func() error { return blocked(p, queries) }); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		t.Fatalf("a query did not block: %v", err)
	default:
	}
	return ended
}

// blocked tells whether so many queries block in the server, by a look at its goroutines.
func blocked(p *process, queries int) error {
	a, err := p.get(context.Background(), "/debug/pprof/goroutine?debug=1")
	if err != nil {
		return err
	}
	n := 0
	for stack := range strings.SplitSeq(string(a.body), "\n\n") {
		var same int
		if _, err := fmt.Sscanf(stack, "%d @", &same); err == nil && strings.Contains(stack, "httpapi.fetchAfter") {
			n += same
		}
	}
	if n != queries {
		return fmt.Errorf("%d of %d queries block", n, queries)
	}
	return nil
}
