package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// run starts to run the tests, each so many times, so many at a time. Each channel gets the result of the test at its place.
func (s *suite) run(ctx context.Context, tests []test, count, parallel int) []chan result {
	free := make(chan struct{}, parallel)
	results := make([]chan result, len(tests))
	for i := range tests {
		results[i] = make(chan result, 1)
	}
	go func() {
		for i, t := range tests {
			free <- struct{}{}
			go func() {
				results[i] <- s.repeat(ctx, t, count)
				<-free
			}()
		}
	}()
	return results
}

func (s *suite) repeat(ctx context.Context, t test, count int) result {
	r := result{test: t}
	if !s.tests[t.name] {
		r.add(missing, 0, "")
		return r
	}
	for range count {
		start := time.Now()
		outcome, output := s.once(ctx, t.name)
		for tries := 1; tries < 10 && strings.Contains(output, noPorts); tries++ {
			outcome, output = s.once(ctx, t.name)
		}
		r.add(outcome, time.Since(start), output)
	}
	return r
}

// noPorts is what a test says that did not even begin, because it chose a few blocks of ports by chance and found all taken.
const noPorts = "panic: freeport: cannot allocate port block"

// once runs a test in a process of its own, and ends all that it has started.
func (s *suite) once(ctx context.Context, name string) (outcome, string) {
	if ctx.Err() != nil {
		return failed, "stopped by a signal"
	}
	dir, err := os.MkdirTemp(s.dir, "")
	if err != nil {
		return failed, err.Error()
	}
	defer os.RemoveAll(dir) // the folder around it is removed at the end, and an error then told
	log, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return failed, err.Error()
	}
	defer log.Close()
	runErr := s.command(ctx, name, dir, log)
	b, err := os.ReadFile(log.Name())
	if err != nil {
		return failed, err.Error()
	}
	output := string(b)
	if runErr != nil {
		output += fmt.Sprintf("\nthe test process: %v\n", runErr)
	}
	return judge(name, output, runErr == nil), output
}

// command runs a test to its end, or to the end of its time: the tests' own time limit, which tells where it hangs, comes first.
func (s *suite) command(ctx context.Context, name, dir string, log *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, "-test.run=^"+name+"$", "-test.v", "-test.timeout="+s.timeout.String())
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.source, log, log
	cmd.Env = environment(os.Environ(), s.path, dir)
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	defer killGroup(cmd.Process.Pid)
	return cmd.Wait()
}

// environment is that of a test: no setting for the caller's Consul reaches it, and the first consul on its PATH is the server under
// test.
func environment(from []string, path, temp string) (env []string) {
	for _, v := range from {
		name, value, _ := strings.Cut(v, "=")
		switch {
		case strings.HasPrefix(name, "CONSUL_"), name == "TMPDIR":
		case name == "PATH":
			env = append(env, "PATH="+path+string(os.PathListSeparator)+value)
		default:
			env = append(env, v)
		}
	}
	return append(env, "TMPDIR="+temp)
}
