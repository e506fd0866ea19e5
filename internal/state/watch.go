package state

import (
	"context"

	memdb "github.com/hashicorp/go-memdb"
)

// A Watch collects what a query has read, so that a blocking query can wait for a change of just that. It serves one goroutine.
// All functions that take a *Watch accept nil.
type Watch struct {
	set     memdb.WatchSet
	release []func()
}

// NewWatch returns an empty watch. Close must be called when it is done with.
func NewWatch() *Watch { return &Watch{set: memdb.NewWatchSet()} }

// add watches ch; release is called by Close and may be nil.
func (w *Watch) add(ch <-chan struct{}, release func()) {
	if w == nil {
		return
	}
	w.set.Add(ch)
	if release != nil {
		w.release = append(w.release, release)
	}
}

// Wait returns nil once something watched has changed, and ctx's error if ctx ends first.
func (w *Watch) Wait(ctx context.Context) error { return w.set.WatchCtx(ctx) }

// Close ends the watch.
func (w *Watch) Close() {
	if w == nil {
		return
	}
	for _, release := range w.release {
		release()
	}
	w.release = nil
}
