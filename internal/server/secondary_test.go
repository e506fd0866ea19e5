package server

import (
	"context"
	"errors"
	"testing"

	"github.com/lictor-dr/lictor/internal/aclresolve"
	"github.com/lictor-dr/lictor/internal/record"
)

// The leader of a secondary makes nothing but its servers' own secret, and has replication run until it leads no more.
func TestLeaderOfASecondary(t *testing.T) {
	began, ended := make(chan *Server, 1), make(chan struct{})
	c := testConfig("")
	c.ACL = ACLConfig{Enabled: true, InitialManagement: "secret", Replicate: func(ctx context.Context, s *Server) {
		began <- s
		<-ctx.Done()
		close(ended)
	}}
	s := start(t, c)
	if got := <-began; got != s {
		t.Error("replication runs for another server")
	}
	_, policies := s.Store().Policies(nil)
	_, tokens := s.Store().Tokens(nil)
	if len(policies)+len(tokens) > 0 || s.Store().SystemMetadata(aclresolve.ServerManagementKey) == nil {
		t.Errorf("%d policies, %d tokens", len(policies), len(tokens))
	}
	err := s.BootstrapACLs(t.Context(), &record.ACLToken{AccessorID: "a", SecretID: "b"})
	if _, done := s.Store().Bootstrapped(); !errors.Is(err, ErrSecondary) || done {
		t.Errorf("bootstrap: %v", err)
	}
	closeServer(t, s)
	select {
	case <-ended:
	default:
		t.Error("replication goes on without the server")
	}
}

// Without ACLs there is nothing to replicate.
func TestNoReplicationWithoutACLs(t *testing.T) {
	c := testConfig("")
	c.ACL = ACLConfig{Replicate: func(context.Context, *Server) { t.Error("it runs") }}
	closeServer(t, start(t, c))
}
