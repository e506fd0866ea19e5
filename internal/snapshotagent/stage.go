package snapshotagent

import (
	"context"
	"errors"
	"fmt"
)

// A Stage is a part of a backup that can fail. Metrics count failures by it.
type Stage string

// The stages of a backup, in their order.
const (
	StageFetch    Stage = "fetch"     // asking the cluster, and writing what it sends to the scratch file
	StageVerify   Stage = "verify"    // reading the scratch file to its last record
	StageEncrypt  Stage = "encrypt"   // for those who may read it
	StageUpload   Stage = "upload"    // into a destination
	StageReadBack Stage = "read_back" // from a destination
	StageDrill    Stage = "drill"     // rebuilding it in a throw-away engine
	StageCommit   Stage = "commit"    // writing the entry
	StageRotate   Stage = "rotate"    // removing what is not to be kept
	StageLock     Stage = "lock"      // the election
)

// StageRetention is told to hooks when nothing is deleted any more because the state has collapsed. No run fails of that.
const StageRetention Stage = "retention"

// Stages are those that metrics count failures by.
var Stages = []Stage{StageFetch, StageVerify, StageEncrypt, StageUpload, StageReadBack, StageDrill, StageCommit, StageRotate, StageLock}

// failed is an error with the stage that it happened at.
type failed struct {
	stage   Stage
	err     error
	counted bool
}

func (f *failed) Error() string { return fmt.Sprintf("%s: %v", f.stage, f.err) }
func (f *failed) Unwrap() error { return f.err }

// at puts a stage to an error.
func at(stage Stage, err error) error {
	var f *failed
	if err == nil || errors.As(err, &f) {
		return err
	}
	return &failed{stage: stage, err: err}
}

// count counts a failure by its stage, once.
func (a *Agent) count(err error) {
	var f *failed
	if errors.As(err, &f) && !f.counted {
		f.counted = true
		a.board.change(func(s *Status) { s.Failures[f.stage]++ })
	}
}

// failedAt notes that a destination failed while others may go on. What was cut short has not failed.
func (a *Agent) failedAt(d *destination, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	a.count(err)
	a.log.Error("a destination failed", "destination", d.name, "error", err)
}
