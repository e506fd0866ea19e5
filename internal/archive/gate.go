package archive

import (
	"runtime"
	"sync"
)

// A gate lets blocks in to be compressed. While others need the processors, for which it asks before each block, it lets in as many as there
// are processors but one.
type gate struct {
	busy func() bool // whether others need the processors; nil if nobody does

	mu     sync.Mutex
	left   sync.Cond
	inWork int
}

// enter returns once another block may be compressed.
func (g *gate) enter() {
	if g.busy == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left.L = &g.mu
	for g.inWork >= max(1, runtime.NumCPU()-1) && g.busy() {
		g.left.Wait()
	}
	g.inWork++
}

// leave tells that a block is done.
func (g *gate) leave() {
	if g.busy == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inWork--
	g.left.Signal()
}
