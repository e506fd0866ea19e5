package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/aclresolve"
	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/server"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// openACLs reads the agent's own tokens and makes what finds out about those of others.
func (a *Agent) openACLs() error {
	c := a.config.ACL
	if !slices.Contains([]string{"allow", "deny"}, c.DefaultPolicy) {
		return fmt.Errorf("Failed to start Consul server: Unsupported default ACL policy: %s", c.DefaultPolicy)
	}
	if !slices.Contains([]string{"allow", "deny", "extend-cache", "async-cache"}, c.DownPolicy) {
		return fmt.Errorf("Failed to start Consul server: Unsupported down ACL policy: %s", c.DownPolicy)
	}
	path := ""
	if c.TokenPersistence && a.dir != nil {
		path = a.dir.Path(agenttoken.FileName)
	}
	tokens, err := agenttoken.Open(path, c.Tokens)
	if err != nil {
		return err
	}
	a.tokens = tokens
	a.warnOverridden()
	a.resolver = aclresolve.New(aclresolve.Config{
		Enabled: c.Enabled, DefaultAllow: c.DefaultPolicy == "allow", Datacenter: a.config.Datacenter, NodeName: a.config.NodeName,
		Tokens: tokens,
		LeftOut: func(policy string, words []string) {
			a.log.Warn("rules of an ACL policy have no effect: rewrite the policy", "policy", policy, "rules", strings.Join(words, "; "))
		},
	})
	return nil
}

// warnOverridden tells of tokens in the configuration that do not count.
func (a *Agent) warnOverridden() {
	for _, kind := range a.tokens.Overridden() {
		a.log.Warn("a token of the configuration does not count: another was set over the API", "token", kind)
	}
}

// serverACLs is what the server provides for ACLs.
func (a *Agent) serverACLs() server.ACLConfig {
	c := server.ACLConfig{Enabled: a.config.ACL.Enabled, InitialManagement: a.config.ACL.InitialManagement}
	if a.dir != nil {
		c.ResetFile = a.dir.Path(server.BootstrapResetName)
	}
	return c
}

// ownTokens are the tokens that the registry of the agent's services signs with.
type ownTokens struct{ *agenttoken.Store }

func (t ownTokens) Agent() string                  { return t.Get(agenttoken.Agent) }
func (t ownTokens) Default() string                { return t.Get(agenttoken.Default) }
func (t ownTokens) ConfigFileRegistration() string { return t.Get(agenttoken.ConfigFileRegistration) }

// ACLEnabled tells whether ACLs are on.
func (b *backend) ACLEnabled() bool { return b.resolver.Enabled() }

// Authorize finds out who comes with a secret. What is unknown while this server does not lead yet may be what its start-up work is
// about to write, or what a restore brings: it is asked for again once that is done.
func (b *backend) Authorize(ctx context.Context, secret string) (httpapi.Caller, error) {
	if b.resolver.Enabled() {
		defer metrics.MeasureSince(telemetry.ACLResolveToken, time.Now())
	}
	leading := b.server.Leading()
	caller, err := b.resolver.Resolve(b.server.Store(), secret)
	if err != nil && !leading {
		if err := b.server.WaitLeader(ctx); err != nil {
			return httpapi.Caller{}, err
		}
		caller, err = b.resolver.Resolve(b.server.Store(), secret)
	}
	return httpapi.Caller(caller), err
}

func (b *backend) BootstrapACLs(ctx context.Context, t *record.ACLToken) error {
	return b.server.BootstrapACLs(ctx, t)
}

func (b *backend) SetAgentToken(ctx context.Context, kind agenttoken.Kind, secret string) error {
	if kind == agenttoken.Replication || kind == agenttoken.DNS {
		b.log.Warn("this token was set and has no effect: neither other datacenters nor DNS are served", "token", kind)
	}
	if err := b.tokens.Set(ctx, kind, secret); err != nil {
		return err
	}
	b.log.Info("Updated agent's ACL token", "token", kind)
	b.local.Resync()
	return nil
}

// aclTag is how members tell whether ACLs are on.
func (b *backend) aclTag() string {
	if b.config.ACL.Enabled {
		return "1"
	}
	return "0"
}

// aclStat is how `info` tells it.
func (b *backend) aclStat() string {
	if b.config.ACL.Enabled {
		return "enabled"
	}
	return "disabled"
}
