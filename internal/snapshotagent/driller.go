package snapshotagent

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/lictor-dr/lictor/internal/drill"
	"github.com/lictor-dr/lictor/internal/inventory"
	"github.com/lictor-dr/lictor/internal/scratch"
)

// drillTimeout ends a drill that hangs.
const drillTimeout = time.Hour

// driller proves archives in child processes.
type driller struct {
	memory       int64  // bytes; 0 for what the machine has
	consulBinary string // path of a real consul, or empty
	scratch      *scratch.Dir
}

// Prove rebuilds the archive.
func (d *driller) Prove(ctx context.Context, path string, want *inventory.Description) Verdict {
	place, err := d.scratch.CreateDir()
	if err != nil {
		return Verdict{inventory.Unproven, fmt.Sprintf("the drill could not be carried out: %v", err)}
	}
	defer func() { _ = place.Discard() }() // what is left of it is swept by the next agent
	child := drill.Child{Limits: drill.Limits{Memory: d.memory, Timeout: drillTimeout}, ConsulBinary: d.consulBinary, Scratch: place.Path}
	report, err := child.Run(ctx, path, &drill.Want{
		Index: want.Meta.Index, Term: want.Meta.Term, Families: want.Families, SHA256: hex.EncodeToString(want.SHA256[:]),
	})
	var skipped *drill.Skipped
	switch {
	case errors.As(err, &skipped):
		return Verdict{inventory.Unproven, skipped.Error()}
	case err != nil:
		return Verdict{inventory.Unproven, fmt.Sprintf("the drill could not be carried out: %v", err)}
	}
	return Verdict{inventory.Proof(report.Proof), report.Reason}
}
