package aclresolve

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

// ServerManagementKey is the key of the system metadata whose value is the servers' own secret, which has full rights.
const ServerManagementKey = "server-management-token"

// maxCached is how many secrets are remembered.
const maxCached = 4096

// Config says what holds besides what the state says.
type Config struct {
	Enabled      bool
	DefaultAllow bool   // what no rule names is allowed
	Datacenter   string // of this server
	NodeName     string
	Tokens       *agenttoken.Store // the agent's own
	// Secondary says that another datacenter is the authority on tokens that are not local, the anonymous one among them. Those in the
	// state count only if they are Replicated from there.
	Secondary, Replicated bool
	// LeftOut, which may be nil, is told once of the words in a stored policy's rules that have no effect here.
	LeftOut func(policy string, words []string)
}

// A Caller is who came with a secret.
type Caller struct {
	Rights    *acl.Authorizer
	Accessor  string // ID of the token
	Secret    string // that counted, the default among them
	Anonymous bool   // there was no token
}

// A Resolver makes callers of secrets. It is safe for concurrent use.
type Resolver struct {
	config Config
	now    func() time.Time

	mu      sync.Mutex // guards what follows
	store   *state.Store
	version uint64 // of the ACLs in store when what is in cache was resolved
	cache   map[string]resolved
	told    map[string]uint64 // index of the policies, by ID, that LeftOut has been told of
}

type resolved struct {
	caller  Caller
	expires *time.Time
}

// New returns a resolver.
func New(config Config) *Resolver {
	return &Resolver{config: config, now: time.Now, told: map[string]uint64{}}
}

// Enabled tells whether ACLs are on.
func (r *Resolver) Enabled() bool { return r.config.Enabled }

// Resolve tells who comes with a secret, empty for none. The error is [acl.ErrNotFound] or [acl.ErrBootstrapRequired] for a secret that
// nobody has.
func (r *Resolver) Resolve(store *state.Store, secret string) (Caller, error) {
	secret, caller, done := r.byAgent(secret)
	if done {
		return caller, nil
	}
	version := store.ACLVersion() // before what it covers is read
	if known, ok := r.cached(store, version, secret); ok {
		return known.caller, r.alive(store, known)
	}
	found, err := r.resolve(store, secret)
	if err != nil {
		return Caller{}, err
	}
	r.remember(store, version, secret, found)
	return found.caller, r.alive(store, found)
}

// byAgent is the secret that counts for one that came, and who that is if this agent knows by itself.
func (r *Resolver) byAgent(secret string) (counts string, caller Caller, done bool) {
	if !r.config.Enabled {
		return secret, Caller{Rights: acl.ManageAll(), Accessor: acl.AnonymousAccessorID, Secret: secret, Anonymous: true}, true
	}
	if secret == "" {
		secret = r.config.Tokens.Get(agenttoken.Default)
	}
	if secret == "" {
		secret = acl.AnonymousSecretID
	}
	if same(secret, r.config.Tokens.Get(agenttoken.AgentRecovery)) {
		return secret, r.recovery(secret), true
	}
	return secret, Caller{}, false
}

// same compares secrets in a time that does not tell where they differ. The empty one is the same as none.
func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// recovery is who may administer this agent.
func (r *Resolver) recovery(secret string) Caller {
	rules := fmt.Sprintf("agent %q { policy = \"write\" }\nnode_prefix \"\" { policy = \"read\" }", r.config.NodeName)
	policy, err := acl.Parse(rules)
	if err != nil {
		return Caller{Rights: acl.DenyAll(), Accessor: "agent-recovery", Secret: secret} // a name that no rule can hold
	}
	return Caller{Rights: acl.New(false, policy), Accessor: "agent-recovery", Secret: secret}
}

func (r *Resolver) cached(store *state.Store, version uint64, secret string) (resolved, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.store != store || r.version != version {
		return resolved{}, false
	}
	found, ok := r.cache[secret]
	return found, ok
}

func (r *Resolver) remember(store *state.Store, version uint64, secret string, found resolved) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.store != store || r.version != version || len(r.cache) >= maxCached {
		r.store, r.version, r.cache = store, version, map[string]resolved{}
	}
	r.cache[secret] = found
}

// alive refuses a token whose time has come.
func (r *Resolver) alive(store *state.Store, found resolved) error {
	if found.expires == nil || found.expires.After(r.now()) {
		return nil
	}
	return unknown(store)
}

// unknown is the error for a secret that nobody has.
func unknown(store *state.Store) error {
	if _, done := store.Bootstrapped(); !done {
		return acl.ErrBootstrapRequired
	}
	return acl.ErrNotFound
}

func (r *Resolver) resolve(store *state.Store, secret string) (resolved, error) {
	anonymous := secret == acl.AnonymousSecretID
	token := r.token(store, secret)
	if token == nil && anonymous && !r.config.Secondary { // before the leader has written it
		token = acl.AnonymousToken()
	}
	if token == nil {
		if m := store.SystemMetadata(ServerManagementKey); m != nil && same(secret, m.Value) {
			return resolved{caller: Caller{Rights: acl.ManageAll(), Accessor: ServerManagementKey, Secret: secret}}, nil
		}
		return resolved{}, unknown(store)
	}
	rights, err := r.rights(store, token)
	if err != nil {
		return resolved{}, fmt.Errorf("token with AccessorID '%s': %w", token.AccessorID, err)
	}
	caller := Caller{Rights: rights, Accessor: token.AccessorID, Secret: secret, Anonymous: anonymous}
	return resolved{caller, token.ExpirationTime}, nil
}

// token is the token with a secret as far as this datacenter knows by itself, nil if it does not.
func (r *Resolver) token(store *state.Store, secret string) *record.ACLToken {
	_, t := store.TokenBySecret(nil, secret)
	if t != nil && r.config.Secondary && !r.config.Replicated && !t.Local {
		return nil // it may be an old copy of one that has changed, or ended
	}
	return t
}

// Unknown tells whether the error of [Resolver.Resolve] is that nobody has the secret, as far as is known here.
func Unknown(err error) bool {
	return errors.Is(err, acl.ErrNotFound) || errors.Is(err, acl.ErrBootstrapRequired)
}

// rights merges all that a token has.
func (r *Resolver) rights(store *state.Store, token *record.ACLToken) (*acl.Authorizer, error) {
	links := token.Policies
	policies := r.implied(token.ServiceIdentities, token.NodeIdentities, token.TemplatedPolicies)
	for _, link := range token.Roles {
		_, role := store.Role(nil, link.ID, "")
		if role == nil {
			continue
		}
		links = append(links[:len(links):len(links)], role.Policies...)
		policies = append(policies, r.implied(role.ServiceIdentities, role.NodeIdentities, role.TemplatedPolicies)...)
	}
	for _, link := range links {
		if link.ID == acl.GlobalManagementID {
			return acl.ManageAll(), nil
		}
	}
	for _, link := range links {
		_, p := store.Policy(nil, link.ID, "")
		if p == nil || !acl.Applies(p.Datacenters, r.config.Datacenter) {
			continue
		}
		parsed, leftOut, err := acl.ParseStored(p.Rules)
		if err != nil {
			return nil, fmt.Errorf("policy %q: %w", p.Name, err)
		}
		r.tell(p, leftOut)
		policies = append(policies, parsed)
	}
	return acl.New(r.config.DefaultAllow, policies...), nil
}

// tell tells of words without effect, once for each version of a policy.
func (r *Resolver) tell(p *record.ACLPolicy, leftOut []string) {
	if len(leftOut) == 0 || r.config.LeftOut == nil {
		return
	}
	r.mu.Lock()
	known := r.told[p.ID] == p.ModifyIndex
	r.told[p.ID] = p.ModifyIndex
	r.mu.Unlock()
	if !known {
		r.config.LeftOut(p.Name, leftOut)
	}
}

// implied are the policies that identities and templates stand for.
func (r *Resolver) implied(services []record.ACLServiceIdentity, nodes []record.ACLNodeIdentity,
	templated []record.ACLTemplatedPolicy) (policies []*acl.Policy) {
	dc := r.config.Datacenter
	for _, s := range services {
		if acl.Applies(s.Datacenters, dc) {
			policies = append(policies, acl.ServiceIdentity(s.ServiceName))
		}
	}
	for _, n := range nodes {
		if n.Datacenter == "" || n.Datacenter == dc {
			policies = append(policies, acl.NodeIdentity(n.NodeName))
		}
	}
	for _, t := range templated {
		if p, known := acl.TemplatedPolicy(&t); known && acl.Applies(t.Datacenters, dc) {
			policies = append(policies, p)
		}
	}
	return policies
}
