package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	uuid "github.com/hashicorp/go-uuid"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/aclresolve"
	"github.com/lictor-dr/lictor/internal/fsm"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// BootstrapResetName is the name of the file by which an operator who has lost all management tokens proves that the machine is theirs:
// it holds the reset index that a refused bootstrap names.
const BootstrapResetName = "acl-bootstrap-reset"

// ACLConfig is what a leader provides for ACLs.
type ACLConfig struct {
	Enabled           bool
	InitialManagement string // secret of the management token that must exist; empty for none
	ResetFile         string // path of the file that allows another bootstrap; empty for none
	// Replicate keeps the ACLs level with those of the primary datacenter until ctx ends. It runs while the server leads. Nil: this is the
	// primary. Elsewhere the leader provides nothing by itself, and ACLs are not bootstrapped.
	Replicate func(ctx context.Context, s *Server)
}

// ErrSecondary is returned for a bootstrap of ACLs where another datacenter has them.
var ErrSecondary = errors.New("ACLs are bootstrapped in the primary datacenter alone")

// provideACLs makes sure that the policies and tokens exist which ACLs are built on, unless they come from another datacenter, and replaces
// the servers' own secret.
func (s *Server) provideACLs() error {
	if !s.config.ACL.Enabled {
		return nil
	}
	steps := []func() error{s.replaceServerSecret}
	if s.config.ACL.Replicate == nil {
		steps = append(steps, s.providePolicies, s.provideManagement, s.provideAnonymous)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) providePolicies() error {
	for _, p := range acl.BuiltinPolicies() {
		_, there := s.Store().Policy(nil, p.ID, "")
		if there != nil && there.Rules == p.Rules && there.Name == p.Name {
			continue
		}
		if err := s.applyInternal(fsm.SetPolicy(p)); err != nil {
			return fmt.Errorf("write the ACL policy %q: %w", p.Name, err)
		}
		s.log.Info(fmt.Sprintf("Created ACL '%s' policy", p.Name))
	}
	return nil
}

// provideManagement creates the configured management token unless somebody has its secret. It counts as the bootstrap.
func (s *Server) provideManagement() error {
	secret := s.config.ACL.InitialManagement
	if secret == "" {
		return nil
	}
	if _, t := s.Store().TokenBySecret(nil, secret); t != nil {
		return nil
	}
	accessor, err := uuid.GenerateUUID()
	if err != nil {
		return fmt.Errorf("make an ID for the initial management token: %w", err)
	}
	t := &record.ACLToken{
		AccessorID: accessor, SecretID: secret, Description: "Initial Management Token", CreateTime: time.Now().UTC(),
		Policies: []record.ACLLink{{ID: acl.GlobalManagementID, Name: acl.GlobalManagementName}},
	}
	t.Hash = acl.HashToken(t)
	if err := s.applyInternal(fsm.SetToken(t, true)); err != nil {
		return fmt.Errorf("write the initial management token: %w", err)
	}
	s.log.Info("Bootstrapped ACL token from configuration", "description", t.Description)
	return nil
}

func (s *Server) provideAnonymous() error {
	if _, t := s.Store().TokenBySecret(nil, acl.AnonymousSecretID); t != nil {
		return nil
	}
	t := acl.AnonymousToken()
	t.CreateTime = time.Now().UTC()
	if err := s.applyInternal(fsm.SetToken(t, false)); err != nil {
		return fmt.Errorf("write the anonymous token: %w", err)
	}
	s.log.Info("Created ACL anonymous token")
	return nil
}

// replaceServerSecret gives the servers a new secret with full rights. That of an archive, which others may have, ends.
func (s *Server) replaceServerSecret() error {
	secret, err := uuid.GenerateUUID()
	if err != nil {
		return fmt.Errorf("make the servers' secret: %w", err)
	}
	return s.applyInternal(fsm.SetSystemMetadata(aclresolve.ServerManagementKey, secret))
}

// reapTokens removes tokens whose time has come.
func (s *Server) reapTokens(now time.Time) {
	if !s.config.ACL.Enabled {
		return
	}
	expired := s.Store().ExpiredTokens(now)
	if len(expired) == 0 {
		return
	}
	if err := s.applyInternal(fsm.DeleteTokens(expired)); err != nil {
		s.log.Warn("removing expired ACL tokens failed", "error", err)
		return
	}
	s.log.Info("deleted expired ACL tokens", "amount", len(expired))
}

// BootstrapACLs makes t the first management token. Once that has happened the error is a [state.ErrBootstrapped], unless the reset
// file holds the reset index; the file is removed then.
func (s *Server) BootstrapACLs(ctx context.Context, t *record.ACLToken) error {
	if s.config.ACL.Replicate != nil {
		return ErrSecondary
	}
	reset := s.resetIndex()
	result, err := s.Apply(ctx, fsm.Bootstrap(t, reset))
	if err != nil {
		return err
	}
	if errors.Is(result.Err, state.ErrBootstrapped) {
		index, _ := s.Store().Bootstrapped()
		return fmt.Errorf("%w (reset index: %d)", state.ErrBootstrapped, index)
	}
	if result.Err == nil && reset != 0 {
		if err := os.Remove(s.config.ACL.ResetFile); err != nil {
			s.log.Warn("remove the file that allowed a bootstrap of ACLs by hand", "error", err)
		}
	}
	return result.Err
}

// resetIndex is the index in the reset file, 0 if there is none.
func (s *Server) resetIndex() uint64 {
	path := s.config.ACL.ResetFile
	if path == "" {
		return 0
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		s.log.Warn("the file that allows a bootstrap of ACLs cannot be read", "error", err)
		return 0
	}
	index, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		s.log.Warn("the file that allows a bootstrap of ACLs must hold the reset index, a number", "path", path)
		return 0
	}
	return index
}
