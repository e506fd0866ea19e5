//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// ownGroup makes a command the first process of a group, to which all belong that it starts.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// killGroup ends what is left of the group that a process was the first of.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) } // mostly none is left
