package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/golden"
	"github.com/lictor-dr/lictor/internal/record"
)

// The test program is also the child process, and what can go wrong in its place.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 {
		os.Exit(m.Run())
	}
	switch mode := os.Args[1]; mode {
	case ChildArgument:
		os.Exit(Main(os.Stdin, os.Stdout, os.Stderr))
	case "-test-crash":
		panic("on purpose")
	case "agent": // in place of a consul program
		fmt.Fprintln(os.Stderr, "no server today")
		os.Exit(1)
	case "-test-exit":
		os.Exit(3)
	case "-test-garbage":
		fmt.Print("no report")
	case "-test-kill-me":
		p, _ := os.FindProcess(os.Getpid())
		_ = p.Kill()
		select {}
	case "-test-hang":
		hang()
	case "-test-parent":
		parent()
	default:
		os.Exit(m.Run())
	}
}

// hang writes its process ID and what stepBack has made of it, and waits for its end.
func hang() {
	err := stepBack()
	stat, _ := os.ReadFile("/proc/self/stat")
	oom, _ := os.ReadFile("/proc/self/oom_score_adj")
	_, fields, _ := strings.Cut(string(stat), ") ")
	nice := ""
	if f := strings.Fields(fields); len(f) > 16 {
		nice = f[16]
	}
	path := os.Args[2]
	text := fmt.Sprintf("%d nice=%s oom=%s err=%v", os.Getpid(), nice, strings.TrimSpace(string(oom)), err)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		panic(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		panic(err)
	}
	select {}
}

// parent has a child that hangs.
func parent() {
	_, _ = Child{Program: as("-test-hang", os.Args[2]), Scratch: filepath.Dir(os.Args[2])}.Run(context.Background(), golden.Path("consul-1.21.4/kv.snap"), nil)
}

func as(args ...string) []string { return append([]string{os.Args[0]}, args...) }

func TestChildProves(t *testing.T) {
	path := golden.Path("consul-1.21.4/full.snap")
	report, err := RunChild(t.Context(), path, wantOf(t, opener("consul-1.21.4/full.snap")), Limits{Memory: 512 << 20, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Proven() || report.Facts == 0 || len(report.ByBytes) == 0 || runtime.GOOS == "linux" && report.PeakMemory == 0 {
		t.Errorf("%+v", report)
	}
	t.Logf("peak memory %s, %v", mib(report.PeakMemory), report.Duration)
}

func TestChildFindsWhatIsBad(t *testing.T) {
	want := wantOf(t, opener("consul-1.21.4/full.snap"))
	f := want.Families[record.TypeKVS]
	f.Sum.Add([32]byte{31: 1})
	want.Families[record.TypeKVS] = f
	report, err := RunChild(t.Context(), golden.Path("consul-1.21.4/full.snap"), want, Limits{})
	if err != nil || report.Proof != Bad || len(report.Differences) != 1 || report.Differences[0].Type != record.TypeKVS {
		t.Errorf("%+v, %v", report, err)
	}
}

// A child that ends in another way than with a report leaves the backup unproven: only a difference is bad.
func TestChildWithoutReportLeavesUnproven(t *testing.T) {
	for _, c := range []struct {
		mode, reason string
		timeout      time.Duration
	}{
		{"-test-crash", "on purpose", 0},
		{"-test-exit", "exit status 3", 0},
		{"-test-garbage", "cannot be read", 0},
		{"-test-kill-me", "memory ran out", 0},
		{"-test-hang", "longer than 300ms", 300 * time.Millisecond},
	} {
		t.Run(c.mode, func(t *testing.T) {
			child := Child{Program: as(c.mode, filepath.Join(t.TempDir(), "status")), Scratch: t.TempDir(), Limits: Limits{Timeout: c.timeout}}
			report, err := child.Run(t.Context(), golden.Path("consul-1.21.4/kv.snap"), nil)
			if err != nil {
				t.Fatal(err)
			}
			if report.Proof != Unproven || !strings.Contains(report.Reason, c.reason) {
				t.Errorf("%s: %s", report.Proof, report.Reason)
			}
			if left, err := os.ReadDir(child.Scratch); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
	report, err := Child{Program: []string{"/nonexistent/lictor"}}.Run(t.Context(), golden.Path("consul-1.21.4/kv.snap"), nil)
	if err != nil || report.Proof != Unproven {
		t.Errorf("no program: %+v, %v", report, err)
	}
}

func TestCancelledChildIsAnError(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := (Child{Program: as("-test-hang", filepath.Join(t.TempDir(), "status"))}).Run(ctx, golden.Path("consul-1.21.4/kv.snap"), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestDrillIsSkippedWhereMemoryIsShort(t *testing.T) {
	path := golden.Path("consul-1.21.4/kv.snap")
	huge := &Want{Families: digest.Set{record.TypeKVS: {Count: 1, Bytes: 1 << 50}}}
	for _, c := range []struct {
		name  string
		want  *Want
		child Child
		say   string
	}{
		{"limit below the need", nil, Child{Limits: Limits{Memory: 10 << 20}}, "raise drill.memory"},
		{"limit below the need of a Consul", nil, Child{Limits: Limits{Memory: needBase + 10<<20}, ConsulBinary: "/bin/consul"}, "raise drill.memory"},
		{"state larger than the machine", huge, Child{Limits: Limits{Memory: 1 << 60}}, "are available"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, known := availableMemory(); !known && c.want != nil {
				t.Skip("the system does not say how much memory there is")
			}
			_, err := c.child.Run(t.Context(), path, c.want)
			if skipped := new(Skipped); !errors.As(err, &skipped) || !strings.Contains(err.Error(), c.say) {
				t.Errorf("got %v, want a skip that says %q", err, c.say)
			}
		})
	}
}

// A state that grows beyond what was announced is stopped by the system, and nothing else is.
func TestMemoryLimitStopsTheChild(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux limits memory")
	}
	path := filepath.Join(t.TempDir(), "large.snap")
	b := record.AppendHeader(nil, record.Header{LastIndex: 7})
	for i := range 300 {
		b, _ = record.Append(b, &record.KVEntry{Key: fmt.Sprint("k", i), Value: make([]byte, 1<<20), CreateIndex: 1, ModifyIndex: 1})
	}
	if err := os.WriteFile(path, pack(t, b), 0o600); err != nil {
		t.Fatal(err)
	}
	small := &Want{Families: digest.Set{record.TypeKVS: {Count: 1, Bytes: 1}}} // a lie, for the drill to be begun
	report, err := RunChild(t.Context(), path, small, Limits{Memory: needBase + 1<<20})
	if err != nil {
		t.Fatal(err)
	}
	if report.Proof != Unproven || !strings.Contains(report.Reason, "because its memory limit was too low") && !strings.Contains(report.Reason, "because memory ran out") {
		t.Errorf("%s: %.500s", report.Proof, report.Reason)
	}
}

func TestChildStepsBackAndDiesWithItsParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux does either")
	}
	status := filepath.Join(t.TempDir(), "status")
	p, err := os.StartProcess(os.Args[0], as("-test-parent", status), &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr}})
	if err != nil {
		t.Fatal(err)
	}
	var said []byte
	await(t, "the child to hang", func() bool {
		said, err = os.ReadFile(status)
		return err == nil
	})
	if want := " nice=19 oom=1000 err=<nil>"; !strings.HasSuffix(string(said), want) {
		t.Errorf("the child says %q, want%s", said, want)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(string(said), " ")
	pid, err := strconv.Atoi(id)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the child to die", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	for !done() {
		select {
		case <-timeout.C:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

func TestChildRefusesWhatIsNoTask(t *testing.T) {
	var out, errs strings.Builder
	if code := Main(strings.NewReader("{"), &out, &errs); code != 1 || out.Len() > 0 || errs.Len() == 0 {
		t.Errorf("%d, %q, %q", code, out.String(), errs.String())
	}
}

func TestReportSurvivesJSON(t *testing.T) {
	report := prove(t, mutations[0].decoding(), opener("consul-1.21.4/full.snap"), nil)
	b, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%+v", back) != fmt.Sprintf("%+v", *report) {
		t.Errorf("got %+v\nwant %+v", back, *report)
	}
}
