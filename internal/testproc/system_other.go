//go:build !linux

package testproc

import "syscall"

func childAttr() *syscall.SysProcAttr { return nil }
