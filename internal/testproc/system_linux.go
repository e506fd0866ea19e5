package testproc

import "syscall"

// childAttr lets a process die with the test that started it, however that ends.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
