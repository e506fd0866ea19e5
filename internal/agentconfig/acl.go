package agentconfig

import (
	"strings"
	"time"

	uuid "github.com/hashicorp/go-uuid"

	"github.com/lictor-dr/lictor/internal/agenttoken"
)

// ACLConfig is acl.
type ACLConfig struct {
	Enabled       bool
	DefaultPolicy string // what holds where no rule does, "allow" or "deny" unless the operator erred
	// DownPolicy says what holds while no server tells a client agent about a token, or no primary datacenter a server: "extend-cache",
	// "async-cache", "allow" or "deny" unless the operator erred.
	DownPolicy string
	// TokenTTL, PolicyTTL and RoleTTL are how long an agent goes by what it was told; 0 asks every time.
	TokenTTL, PolicyTTL, RoleTTL time.Duration
	// KeyListPolicy asks for the right to list a prefix of keys.
	KeyListPolicy bool
	// TokenReplication copies the tokens of the primary datacenter into this one, and allows local tokens.
	TokenReplication bool
	// TokenPersistence keeps the tokens that are set over the API in the data directory.
	TokenPersistence bool
	// InitialManagement is the secret of the management token that a leader creates if nobody has it. Empty for none.
	InitialManagement string
	// Tokens are the agent's own.
	Tokens agenttoken.Tokens
}

func setACL(s *settings, c *Config) error {
	c.ACL = ACLConfig{
		Enabled:           s.boolean("acl.enabled"),
		DefaultPolicy:     s.str("acl.default_policy"),
		DownPolicy:        s.str("acl.down_policy"),
		TokenTTL:          s.duration("acl.token_ttl"),
		PolicyTTL:         s.duration("acl.policy_ttl"),
		RoleTTL:           s.duration("acl.role_ttl"),
		KeyListPolicy:     s.boolean("acl.enable_key_list_policy"),
		TokenReplication:  s.boolean("acl.enable_token_replication"),
		TokenPersistence:  s.boolean("acl.enable_token_persistence"),
		InitialManagement: strings.TrimSpace(s.str("acl.tokens.initial_management")),
		Tokens: agenttoken.Tokens{
			agenttoken.Default:                s.str("acl.tokens.default"),
			agenttoken.Agent:                  s.str("acl.tokens.agent"),
			agenttoken.AgentRecovery:          s.str("acl.tokens.agent_recovery"),
			agenttoken.ConfigFileRegistration: s.str("acl.tokens.config_file_service_registration"),
			agenttoken.Replication:            s.str("acl.tokens.replication"),
			agenttoken.DNS:                    s.str("acl.tokens.dns"),
		},
	}
	if secret := c.ACL.InitialManagement; secret != "" {
		if _, err := uuid.ParseUUID(secret); err != nil {
			s.warn("Configuring a non-UUID management token is deprecated")
		}
	}
	return nil
}
