// Package aclresolve finds out who comes with a secret and what they may do: the token in the replicated state, its policies, those of
// its roles, and what its service identities, node identities and templated policies imply, as far as they hold in this datacenter.
//
// A request without a secret counts as one with the agent's default token, and without that as the anonymous token. A secret that nobody
// has, and one whose token has expired, is refused. A stored policy that cannot be read makes its tokens refused: leaving it out could
// drop a deny rule. With ACLs off everybody may do everything.
//
// What has been resolved is remembered until tokens, policies or roles change, for a bounded number of secrets.
//
// An agent without the replicated state has a [Remote] instead: it asks a server for a token's [Parts], goes by them for a while, and by
// what down_policy says if no server answers. A server of a secondary datacenter has one beside the state: for what it does not know it asks
// the primary. Tokens in its state that are not local count only if they are replicated from there.
package aclresolve
