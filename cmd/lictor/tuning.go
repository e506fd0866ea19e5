package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

// sparing tunes the process for a command that streams: what it holds at a time is a few megabytes, and garbage is not to be a multiple of
// that. GOGC in the environment is left to whoever has set it.
func sparing() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(40)
	}
}

// serving tunes the process for a server, once.
//
// Go runs as many goroutines at a time as there are processors. One that comes back from a sync of the log has to wait then, for up to 10 ms,
// while a save compresses and hashes. With some more of them the system decides who gets a processor, and it knows that saves can wait
// (package priority). GOMAXPROCS in the environment is left to whoever has set it.
var serving = sync.OnceFunc(func() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2)
	}
})
