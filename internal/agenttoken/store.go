package agenttoken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/lictor-dr/lictor/internal/atomicfile"
)

// FileName is the name of the file in the data directory; Consul's.
const FileName = "acl-tokens.json"

// A Kind tells what a token is for.
type Kind string

// The kinds of tokens, with their names in the API and in the file.
const (
	Default                Kind = "default"        // for requests that bring none
	Agent                  Kind = "agent"          // for what the agent does for itself
	AgentRecovery          Kind = "agent_recovery" // may administer this agent, with or without a cluster
	Replication            Kind = "replication"    // for reading another datacenter's ACLs
	ConfigFileRegistration Kind = "config_file_service_registration"
	DNS                    Kind = "dns"
)

var kinds = []Kind{Default, Agent, AgentRecovery, Replication, ConfigFileRegistration, DNS}

// oldKinds are the names that older releases of Consul gave the kinds.
var oldKinds = map[string]Kind{
	"acl_token": Default, "acl_agent_token": Agent, "acl_agent_master_token": AgentRecovery, "agent_master": AgentRecovery,
	"acl_replication_token": Replication,
}

// ParseKind returns the kind of a name, old names among them.
func ParseKind(name string) (Kind, bool) {
	if k, ok := oldKinds[name]; ok {
		return k, true
	}
	return Kind(name), slices.Contains(kinds, Kind(name))
}

// Tokens are secrets by kind. Those that are missing are not set.
type Tokens map[Kind]string

// A Store holds the agent's tokens. It is safe for concurrent use.
type Store struct {
	path string // empty: kept in memory

	mu         sync.Mutex // guards what follows, and the file
	configured Tokens
	set        Tokens // over the API
}

// Open returns a store with the tokens of the configuration and those of the file at path, which need not exist. With an empty path
// nothing is kept.
func Open(path string, configured Tokens) (*Store, error) {
	s := &Store{path: path, configured: configured, set: Tokens{}}
	if path == "" {
		return s, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the agent's tokens: %w", err)
	}
	var named map[string]string
	if err := json.Unmarshal(text, &named); err != nil {
		return nil, fmt.Errorf("read the agent's tokens: %s is no JSON object of texts: mend the file, or remove it and set the tokens again", path)
	}
	for name, secret := range named {
		if kind, ok := ParseKind(name); ok && secret != "" {
			s.set[kind] = secret
		}
	}
	return s, nil
}

// Get returns a token, empty if there is none.
func (s *Store) Get(kind Kind) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if secret, ok := s.set[kind]; ok {
		return secret
	}
	return s.configured[kind]
}

// Set sets a token over the API; an empty one removes it, also that of the configuration. If it cannot be kept nothing changes.
func (s *Store) Set(ctx context.Context, kind Kind, secret string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(s.set)
	next[kind] = secret
	if err := s.keep(ctx, next); err != nil {
		return err
	}
	s.set = next
	return nil
}

// keep writes the file.
func (s *Store) keep(ctx context.Context, tokens Tokens) error {
	if s.path == "" {
		return nil
	}
	kept := maps.Clone(tokens)
	maps.DeleteFunc(kept, func(_ Kind, secret string) bool { return secret == "" })
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(ctx, s.path, text, nil); err != nil {
		return fmt.Errorf("keep the agent's tokens: %w; the token was not set", err)
	}
	return nil
}

// Configure takes over what the configuration says now. What was set over the API stays.
func (s *Store) Configure(configured Tokens) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.configured = configured
}

// Overridden returns the kinds of tokens that the configuration has another value of than was set over the API.
func (s *Store) Overridden() (overridden []Kind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range kinds {
		secret, ok := s.set[kind]
		if ok && s.configured[kind] != "" && s.configured[kind] != secret {
			overridden = append(overridden, kind)
		}
	}
	return overridden
}
