package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/digest"
	"github.com/lictor-dr/lictor/internal/record"
)

// ChildArgument is the first argument by which the program knows that it is to call [Main], and nothing else.
const ChildArgument = "-drill-child"

// Need is the memory, in bytes, that a drill of a state of these families must be allowed to use: the tables, what the encoder and the
// handlers hold at a time, and room for the garbage collector. Keys take little more than their bytes; other records are many small things.
func Need(families digest.Set) int64 {
	need := int64(needBase)
	for t, f := range families {
		if t == record.TypeKVS || t == record.TypeTombstone {
			need += 3*f.Bytes + 512*f.Count
		} else {
			need += 6*f.Bytes + needPerRecord*f.Count
		}
	}
	return need
}

// NeedConsul is what a process of a real Consul needs. Version 1.21.4 was measured with 1.6 GB after restores of 126 MB.
func NeedConsul(families digest.Set) int64 {
	var size int64
	for _, f := range families {
		size += f.Bytes
	}
	return 256<<20 + 13*size
}

const (
	needBase      = 192 << 20 // of any drill
	needPerRecord = 3 << 10
)

// Limits bound the child process.
type Limits struct {
	// Memory is how many bytes each process of the drill may use. 0 stands for what the machine has available.
	Memory int64
	// Timeout is how long the drill may take; 0 stands for no limit.
	Timeout time.Duration
}

// A Child is a drill in a process of its own: of low priority, first for the system to kill when memory runs out, killed with its parent.
type Child struct {
	Limits
	// Program and its arguments make the process, which must call [Main]. Default: this program with [ChildArgument].
	Program []string
	// ConsulBinary is the path of a real consul program that the archive is restored into too; empty for none.
	ConsulBinary string
	// Scratch is where the directory of that Consul is made, which holds the state while it runs. Empty is the system's directory for
	// temporary files.
	Scratch string
}

// Skipped is the error of a drill that was not begun.
type Skipped struct{ Reason string }

func (s *Skipped) Error() string { return "the drill was skipped: " + s.Reason }

// RunChild carries out a drill in a child process with the defaults of [Child].
func RunChild(ctx context.Context, path string, want *Want, limits Limits) (*Report, error) {
	return Child{Limits: limits}.Run(ctx, path, want)
}

// A task is what a child process is told on its standard input.
type task struct {
	Path         string
	Want         *Want  `json:",omitempty"`
	Memory       int64  // in bytes
	ConsulBinary string `json:",omitempty"`
}

// Run carries out a drill of the archive in the file path, and compares it with want unless that is nil. A process that ends without a
// report, for whatever reason, leaves the archive unproven. The error is a *[Skipped] if there is too little memory, or that of ctx.
func (c Child) Run(ctx context.Context, path string, want *Want) (*Report, error) {
	began := time.Now()
	t := task{Path: path, Want: want, Memory: c.Memory, ConsulBinary: c.ConsulBinary}
	if err := t.fits(familiesOf(ctx, path, want)); err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp(c.Scratch, "lictor-drill-*") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("make a scratch directory for the drill: %w", err)
	}
	defer remove(scratch)
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if c.Timeout > 0 {
		bounded, cancel = context.WithTimeout(ctx, c.Timeout)
	}
	defer cancel()
	report, err := c.start(bounded, t, scratch)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if bounded.Err() != nil {
		err = fmt.Errorf("the drill took longer than %v and was ended", c.Timeout)
	}
	if err != nil {
		report = &Report{Engine: engineName, Duration: time.Since(began)}
		report.become(Unproven, "%v", err)
	}
	return report, nil
}

// fits tells whether memory suffices for a state of these families, and settles the limit.
func (t *task) fits(families digest.Set) error {
	need := Need(families)
	if t.ConsulBinary != "" {
		need = max(need, NeedConsul(families))
	}
	available, known := availableMemory()
	if t.Memory == 0 {
		t.Memory = need
		if known {
			t.Memory = max(need, available*9/10)
		}
	}
	skipped := func(format string, args ...any) error {
		return &Skipped{fmt.Sprintf("it needs %s of memory for %d records, ", mib(need), families.Records()) + fmt.Sprintf(format, args...)}
	}
	switch {
	case t.Memory < need:
		return skipped("and the limit is %s: raise drill.memory", mib(t.Memory))
	case known && available < need:
		return skipped("and %s are available", mib(available))
	}
	return nil
}

func mib(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }

// familiesOf is what an archive holds: what is wanted of it, or what a reading finds. Nothing if it cannot be read, which the drill itself
// will report.
func familiesOf(ctx context.Context, path string, want *Want) digest.Set {
	if want != nil {
		return want.Families
	}
	c, err := read(withContext(ctx, func() (io.ReadCloser, error) { return os.Open(path) }), func(record.Header) {}, func(record.Raw) error { return nil })
	if err != nil {
		return nil
	}
	return c.families
}

// start runs the process to its end. The thread that starts it stays with it: on Linux a child dies with the thread that made it.
func (c Child) start(ctx context.Context, t task, scratch string) (*Report, error) {
	request, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	program := c.Program
	if len(program) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
		program = []string{self, ChildArgument}
	}
	var out bytes.Buffer
	said := &clipped{}
	cmd := exec.CommandContext(ctx, program[0], program[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = bytes.NewReader(request), &out, said, childAttr()
	cmd.Env = append(environment(), "TMPDIR="+scratch, "GOTRACEBACK=none") // what went wrong, and no stacks
	cmd.WaitDelay = 5 * time.Second
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		ended <- cmd.Run()
	}()
	if err := <-ended; err != nil {
		return nil, fmt.Errorf("the drill ended without a report: %w%s%s", err, hint(cmd.ProcessState, said.String()), said)
	}
	report := new(Report)
	if err := json.Unmarshal(out.Bytes(), report); err != nil {
		return nil, fmt.Errorf("the drill's report cannot be read: %w%s", err, said)
	}
	return report, nil
}

// environment is what a drill needs to know: the credentials of the agent are not among it.
func environment() (env []string) {
	for _, name := range []string{"PATH", "HOME", "TZ", "SystemRoot"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// remove removes a directory in which a process may still be dying.
func remove(dir string) {
	for range 20 {
		if os.RemoveAll(dir) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// outOfMemory is what a process says that gets no more memory: the Go runtime, the C library when it starts a thread, and the race
// detector's runtime.
var outOfMemory = []string{"out of memory", "cannot allocate memory", "pthread_create failed", "failed to allocate"}

// hint explains a process that was killed from outside, or ran into its limit; said is what it printed.
func hint(s *os.ProcessState, said string) string {
	said = strings.ToLower(said)
	switch {
	case s != nil && strings.Contains(s.String(), "killed"):
		return ", most likely because memory ran out"
	case slices.ContainsFunc(outOfMemory, func(words string) bool { return strings.Contains(said, words) }):
		return ", because its memory limit was too low (drill.memory raises it)"
	}
	return ""
}

// clipped keeps the beginning and the end of what a process says. It is safe for concurrent use.
type clipped struct {
	mu         sync.Mutex
	head, tail []byte
	omitted    bool
}

const clip = 1 << 10

// Write keeps b as far as there is room.
func (c *clipped) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(b), clip-len(c.head))
	c.head = append(c.head, b[:n]...)
	c.tail = append(c.tail, b[n:]...)
	if over := len(c.tail) - clip; over > 0 {
		c.tail, c.omitted = c.tail[over:], true
	}
	return len(b), nil
}

// String is what was said, as the end of a sentence; empty if nothing was.
func (c *clipped) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := string(c.head) + string(c.tail)
	if c.omitted {
		text = string(c.head) + " … " + string(c.tail)
	}
	for _, stack := range []string{"\nruntime stack:", "\ngoroutine "} { // of a Go program that crashed: for people who have its source
		text, _, _ = strings.Cut(text, stack)
	}
	if text = strings.Join(strings.Fields(text), " "); text == "" {
		return ""
	}
	return "; it said: " + text
}

// Main is the child process: it reads its task from in, carries it out, and writes the report to out. The result is the exit code.
func Main(in io.Reader, out, errs io.Writer) int {
	if err := child(in, out); err != nil {
		fmt.Fprintln(errs, err)
		return 1
	}
	return 0
}

func child(in io.Reader, out io.Writer) error {
	var t task
	if err := json.NewDecoder(in).Decode(&t); err != nil {
		return fmt.Errorf("read the task: %w", err)
	}
	if err := stepBack(); err != nil {
		return err
	}
	if t.Memory > 0 {
		debug.SetMemoryLimit(t.Memory * 3 / 4) // where the garbage collector makes an effort, below where the system says no
		if err := limitMemory(t.Memory); err != nil {
			return fmt.Errorf("limit memory: %w", err)
		}
	}
	report, err := t.prove(context.Background())
	if err != nil {
		return err
	}
	report.PeakMemory = peakMemory()
	return json.NewEncoder(out).Encode(report)
}

// prove carries out the drill, and the one with a real Consul if the archive is proven so far.
func (t *task) prove(ctx context.Context) (*Report, error) {
	open := func() (io.ReadCloser, error) { return os.Open(t.Path) }
	report, err := Prove(ctx, open, t.Want)
	if err != nil || t.ConsulBinary == "" || !report.Proven() {
		return report, err
	}
	if report.Consul, err = ProveWithConsul(ctx, t.ConsulBinary, open); err != nil {
		return nil, errors.Join(errors.New("drill with "+t.ConsulBinary), err)
	}
	if !report.Consul.Proven() {
		report.become(report.Consul.Proof, "%s: %s", report.Consul.Engine, report.Consul.Reason)
	}
	return report, nil
}
