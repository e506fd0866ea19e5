package agentconfig

import (
	"strings"

	uuid "github.com/hashicorp/go-uuid"

	"github.com/lictor-dr/lictor/internal/agenttoken"
)

// ACLConfig is acl.
type ACLConfig struct {
	Enabled       bool
	DefaultPolicy string // what holds where no rule does, "allow" or "deny" unless the operator erred
	DownPolicy    string // checked and without effect: a server of the authoritative datacenter asks itself
	// KeyListPolicy asks for the right to list a prefix of keys.
	KeyListPolicy bool
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
		KeyListPolicy:     s.boolean("acl.enable_key_list_policy"),
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
