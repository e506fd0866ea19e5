package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/lictor-dr/lictor/internal/definition"
)

// outputGrace is how long a script's output is awaited after its end, should a process that it left behind keep it open.
const outputGrace = time.Second

// scriptProbe runs a program: exit code 0 is passing, 1 warning, everything else critical.
func scriptProbe(def *definition.Check, timeout time.Duration, limit int) probe {
	args := def.ScriptArgs
	if def.Shell != "" {
		args = []string{def.Shell, "-c", strings.Join(args, " ")}
	}
	return func(ctx context.Context) (string, string) {
		output := &tail{limit: limit}
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = output, output
		cmd.WaitDelay = outputGrace
		inOwnGroup(cmd)
		err := cmd.Run()
		switch {
		case ctx.Err() != nil:
			return definition.Critical, fmt.Sprintf("Timed out (%s) running check", timeout)
		case cmd.ProcessState == nil:
			return definition.Critical, err.Error()
		case err == nil || errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success():
			return definition.Passing, output.captured()
		case cmd.ProcessState.ExitCode() == 1:
			return definition.Warning, output.captured()
		}
		return definition.Critical, output.captured()
	}
}
