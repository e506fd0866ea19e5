package priority

import "golang.org/x/sys/unix"

// lower lowers the priority of the thread. Who may not even do that runs as any other.
func lower() { _ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), niceness) }
