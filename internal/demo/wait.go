package demo

import (
	"context"
	"fmt"
	"time"
)

// patience is how long anything may take that servers do by themselves, such as electing a leader.
const patience = time.Minute

// await looks again and again until look finds no fault any more. It gives up when ctx ends, when its patience does, or once one of the
// servers has ended: the error is the last fault.
func await(ctx context.Context, servers []*process, look func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	var fault error
	for {
		err := look(bounded)
		if err == nil {
			return nil
		}
		if bounded.Err() == nil || fault == nil {
			fault = err
		}
		for _, p := range servers {
			select {
			case <-p.done:
				return fmt.Errorf("%s ended: %w", p.name, p.lastError())
			default:
			}
		}
		select {
		case <-bounded.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("after %v: %w", patience, fault)
		case <-poll.C:
		}
	}
}
