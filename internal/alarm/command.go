package alarm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A Command is a program that is run, without a shell.
type Command struct {
	Args []string // the program and its arguments
}

// outputGrace is how long output is read after the program has ended.
const outputGrace = time.Second

// maxOutput is how much of a failed command's output its error shows, in bytes.
const maxOutput = 512

// Do runs the command.
func (c *Command) Do(ctx context.Context, e *Event) error {
	body, err := e.body()
	if err != nil {
		return err
	}
	output := &tail{}
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Stdin = bytes.NewReader(append(body, '\n'))
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Env = append(os.Environ(), e.environment()...)
	cmd.WaitDelay = outputGrace
	inOwnGroup(cmd)
	err = cmd.Run()
	killGroup(cmd)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil, cmd.ProcessState != nil && cmd.ProcessState.Success():
		return nil // what it left behind, or did not read, is its own affair
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return &refusal{fmt.Errorf("run %s: %w", c.Args[0], err)}
	}
	if text := output.text(); text != "" {
		return fmt.Errorf("run %s: %w: %s", c.Args[0], err, text)
	}
	return fmt.Errorf("run %s: %w", c.Args[0], err)
}

// tail keeps the end of what is written to it.
type tail struct{ last []byte }

// Write takes all.
func (t *tail) Write(p []byte) (int, error) {
	t.last = append(t.last, p...)
	if over := len(t.last) - maxOutput; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	return len(p), nil
}

func (t *tail) text() string { return strings.ToValidUTF8(strings.TrimSpace(string(t.last)), "\uFFFD") }
