package priority

import "runtime"

// niceness is how much is left to others: a thread that competes with one of ours for a processor gets about a tenth of it.
const niceness = 10

// Go runs work on a thread of its own, with low priority.
func Go(work func()) {
	go func() {
		runtime.LockOSThread() // and never unlocks it: the thread ends with the goroutine
		lower()
		work()
	}()
}

// Run is like Go, and returns once work has.
func Run(work func()) {
	done := make(chan struct{})
	Go(func() {
		defer close(done)
		work()
	})
	<-done
}
