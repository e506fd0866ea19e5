package server

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"
)

// unanswered is what Raft has taken in and ends without a word about.
type unanswered struct{ never chan error }

func (u unanswered) Error() error { return <-u.never }

// What Raft leaves unanswered when it ends holds nobody up.
func TestRaftEndsWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{down: make(chan struct{})}
		never, settled := make(chan error), make(chan error, 1)
		go func() { settled <- s.settle(unanswered{never}) }()
		synctest.Wait()
		select {
		case err := <-settled:
			t.Fatalf("settled too early: %v", err)
		default:
		}
		close(s.down)
		if err := <-settled; !errors.Is(err, raft.ErrRaftShutdown) {
			t.Error(err)
		}
		close(never)
	})
}
