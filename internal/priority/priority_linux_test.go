package priority

import (
	"testing"

	"golang.org/x/sys/unix"
)

// current is the niceness of the thread. The system call counts the other way round.
func current(t *testing.T) int {
	t.Helper()
	p, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	if err != nil {
		t.Fatal(err)
	}
	return 20 - p
}

// Work runs with a low priority, and what runs beside it and after it does not.
func TestPriority(t *testing.T) {
	before := current(t)
	got, beside := -1, -1
	Run(func() {
		got = current(t)
		other := make(chan int)
		go func() { other <- current(t) }()
		beside = <-other
	})
	if want := max(before, niceness); got != want {
		t.Errorf("the niceness of the work is %d, want %d", got, want)
	}
	if after := current(t); beside != before || after != before {
		t.Errorf("the niceness is %d beside the work and %d after it, want %d", beside, after, before)
	}
}
