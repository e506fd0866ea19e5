package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// oneFile checks the arguments of a command that takes one file. The texts are
// Consul's.
func oneFile(args []string) error {
	switch {
	case len(args) == 0 || len(args) == 1 && args[0] == "":
		return errors.New("Missing FILE argument")
	case len(args) > 1:
		return fmt.Errorf("Too many arguments (expected 1, got %d)", len(args))
	}
	return nil
}

// interruptible is the context of a job that has to clean up when it is
// interrupted.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// tell prints one line to standard error.
func (p *program) tell(format string, args ...any) {
	fmt.Fprintf(p.err, format+"\n", args...)
}

// sayJSON prints a result with say and returns the exit code.
func (p *program) sayJSON(say func(string, ...any), result any) int {
	text, err := json.MarshalIndent(result, "", "   ")
	if err != nil {
		return p.fail("Error printing the result as JSON: %s", err)
	}
	say("%s", text)
	return 0
}

func indexDiffers(said, inside uint64) string {
	return fmt.Sprintf("the server said that the snapshot is at index %d, but it is at index %d", said, inside)
}
