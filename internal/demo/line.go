package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	lineWidth = 54 // of the number and the title of a step
	dotEvery  = 500 * time.Millisecond
)

// A line is the first one of a step: its title is there while the step is being taken, the result follows. On a terminal dots show in
// the meantime that something is going on.
type line struct {
	out     io.Writer
	title   string
	stop    chan struct{}
	stopped chan struct{}
}

// startLine prints the title.
func startLine(out io.Writer, terminal bool, title string) *line {
	l := &line{out: out, title: title, stop: make(chan struct{}), stopped: make(chan struct{})}
	fmt.Fprint(out, title)
	if terminal {
		go l.dot()
	} else {
		close(l.stopped)
	}
	return l
}

// dot prints dots, as far as there is space.
func (l *line) dot() {
	defer close(l.stopped)
	tick := time.NewTicker(dotEvery)
	defer tick.Stop()
	for length := len(l.title); ; {
		select {
		case <-l.stop:
			fmt.Fprint(l.out, "\r"+l.title)
			return
		case <-tick.C:
			if length++; length < lineWidth {
				fmt.Fprint(l.out, ".")
			}
		}
	}
}

// end prints the result in place of the dots.
func (l *line) end(result string) {
	close(l.stop)
	<-l.stopped
	fmt.Fprintf(l.out, "%s %s\n", strings.Repeat(" ", max(0, lineWidth-len(l.title))), result)
}
