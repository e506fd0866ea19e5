//go:build !unix

package alarm

import "os/exec"

// inOwnGroup does nothing where there are no process groups: only the command itself is killed.
func inOwnGroup(*exec.Cmd) {}

// killGroup does nothing there either.
func killGroup(*exec.Cmd) {}
