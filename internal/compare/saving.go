package main

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// writesDuringSaves measures writes while saves are taken beside them, one after the other, and how long each of those took. It lasts until
// the last save that was begun is whole.
func (t *target) writesDuringSaves(ctx context.Context, x *traffic, conns int, d time.Duration) (busy pace, saves []time.Duration, err error) {
	g, ctx := errgroup.WithContext(ctx)
	saved := make(chan struct{})
	g.Go(func() error {
		defer close(saved)
		for until := time.Now().Add(d); time.Now().Before(until); {
			took, err := t.save(ctx, discard)
			if err != nil {
				return err
			}
			saves = append(saves, took)
		}
		return nil
	})
	sources := newSources(conns)
	g.Go(func() (err error) {
		busy, err = t.press(ctx, conns, time.Hour, func(w *wire, worker int) (bool, error) {
			select {
			case <-saved:
				return false, nil
			default:
				return true, x.write(w, sources[worker])
			}
		})
		return err
	})
	err = g.Wait()
	return busy, saves, err
}
