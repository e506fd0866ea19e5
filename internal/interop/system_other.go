//go:build clients && unix && !linux

package interop

import "syscall"

func childAttr() *syscall.SysProcAttr { return nil }
