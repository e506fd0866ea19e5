package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
		Tokens: tokens, Secondary: a.inSecondary(), Replicated: c.TokenReplication,
		LeftOut: func(policy string, words []string) {
			a.log.Warn("rules of an ACL policy have no effect: rewrite the policy", "policy", policy, "rules", strings.Join(words, "; "))
		},
	})
	switch {
	case !a.config.Server:
		a.remote = aclresolve.NewRemote(a.resolver, c.TokenTTL, c.DownPolicy, a.fetchToken)
	case a.inSecondary() && c.Enabled:
		a.remote = aclresolve.NewRemote(a.resolver, c.TokenTTL, c.DownPolicy, a.fetchPrimaryToken)
		a.replicator = a.newReplicator()
	}
	return nil
}

// fetchToken asks servers, one after the other, for the parts of a token.
func (a *Agent) fetchToken(ctx context.Context, secret string) (*aclresolve.Parts, error) {
	b := &backend{a}
	errs := []error{errNoServers}
	for range a.aliveServers() {
		parts := new(aclresolve.Parts)
		err := a.askServer(ctx, b.Server(), tokenPath, secret, parts)
		if err == nil {
			return parts, nil
		}
		errs = append(errs[:0], err)
	}
	return nil, errors.Join(errs...)
}

// serveToken answers another agent with the parts of the token that its client has shown. A secret that this server does not know may
// be on its way from the leader; without one, another server may know it. In a secondary datacenter the primary may know it, too; where
// it is a server of another datacenter that asks, it hears what is known here.
func (a *Agent) serveToken(w http.ResponseWriter, req *http.Request) {
	secret, b, came := req.Header.Get("X-Consul-Token"), &backend{a}, time.Now()
	abroad := req.URL.Query().Has(paramAbroad)
	for {
		waited := b.Leading() || time.Since(came) > lag
		parts := a.resolver.Parts(a.server.Store(), secret)
		if parts.Token == nil && !parts.Servers && a.remote != nil && !abroad {
			theirs, err := a.remote.Parts(req.Context(), secret)
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			parts = theirs
		}
		switch {
		case parts.Token != nil || parts.Servers || waited && b.KnownLeader():
			writeInternal(w, parts)
			return
		case waited:
			http.Error(w, b.NoLeader().Error(), http.StatusServiceUnavailable)
			return
		}
		select {
		case <-req.Context().Done():
			return
		case <-time.After(lag / 10):
		}
	}
}

// lag is how long a token that this server does not know yet may be on its way from the leader.
const lag = 250 * time.Millisecond

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
	if a.inSecondary() {
		c.Replicate = func(ctx context.Context, s *server.Server) { a.replicator.Run(ctx, s) }
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
// about to write, or what a restore brings, or is on its way from the leader: it is asked for again.
func (b *backend) Authorize(ctx context.Context, secret string) (httpapi.Caller, error) {
	if b.resolver.Enabled() {
		defer metrics.MeasureSince(telemetry.ACLResolveToken, time.Now())
	}
	if b.server == nil {
		caller, err := b.remote.Resolve(ctx, secret)
		return httpapi.Caller(caller), err
	}
	leading := b.server.Leading()
	caller, err := b.resolve(ctx, secret)
	for began := time.Now(); err != nil && !leading; {
		waited := b.server.WaitLeader(ctx)
		if other, _ := b.server.OtherLeader(); waited != nil && other == "" {
			return httpapi.Caller{}, notLeader(waited)
		}
		leading = waited == nil || time.Since(began) > lag
		if caller, err = b.resolve(ctx, secret); err == nil || leading {
			break
		}
		select {
		case <-ctx.Done():
			return httpapi.Caller{}, ctx.Err()
		case <-time.After(lag / 10):
		}
	}
	return httpapi.Caller(caller), err
}

// resolve finds out who comes with a secret by this server's state and, in a secondary datacenter, by what the primary says.
func (b *backend) resolve(ctx context.Context, secret string) (aclresolve.Caller, error) {
	caller, err := b.resolver.Resolve(b.server.Store(), secret)
	if b.remote != nil && aclresolve.Unknown(err) {
		return b.remote.Resolve(ctx, secret)
	}
	return caller, err
}

func (b *backend) BootstrapACLs(ctx context.Context, t *record.ACLToken) error {
	return notLeader(b.server.BootstrapACLs(ctx, t))
}

func (b *backend) SetAgentToken(ctx context.Context, kind agenttoken.Kind, secret string) error {
	if kind == agenttoken.DNS {
		b.log.Warn("this token was set and has no effect: DNS is not served", "token", kind)
	}
	if err := b.tokens.Set(ctx, kind, secret); err != nil {
		return err
	}
	b.log.Info("Updated agent's ACL token", "token", kind)
	b.local.Resync()
	if kind == agenttoken.Replication && b.replicator != nil {
		b.replicator.Wake()
	}
	return nil
}

// configureTokens takes over the agent's own tokens of the configuration. Another replication token takes effect at once.
func (a *Agent) configureTokens(tokens agenttoken.Tokens) {
	before := a.tokens.Get(agenttoken.Replication)
	a.tokens.Configure(tokens)
	if a.replicator != nil && a.tokens.Get(agenttoken.Replication) != before {
		a.replicator.Wake()
	}
}

// aclTag is how members tell whether ACLs are on.
func (a *Agent) aclTag() string {
	if a.config.ACL.Enabled {
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
