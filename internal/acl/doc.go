// Package acl decides what a token may do: it parses the rules of policies, merges policies, and answers whether a resource may be
// read, listed or written. Around that it holds the facts about ACL objects that need no storage: the built-in policies, the anonymous
// token, what identities imply, content hashes, and which names are valid. It does no I/O and keeps no state.
//
// An Authorizer is made once from all policies of a token, its roles and its identities, and may be used by many goroutines. Within it
// an exact rule beats every prefix rule and the longest prefix rule beats shorter ones. Where several rules name the same segment, deny
// beats write beats list beats read, whatever their order. What no rule names falls to the default. Write includes list and read, list
// includes read.
//
// Parse is stricter than Consul, which passes over what it does not know: a word that is no resource and a field that is none are
// refused by name, for a misspelt deny rule would silently grant. So are fields given twice in one rule, what follows the end of a
// JSON document, an assignment without a value, and rules of Consul Enterprise (namespace, partition, sentinel). ParseStored reads
// policies that a Consul server accepted before: it leaves out what Parse refuses as unknown, as Consul did, and tells what it left out.
// Length and nesting of rules are bounded.
//
// The intentions of a service rule are checked and then mean nothing: there are no intentions here to govern.
//
// Of the templated policies builtin/service and builtin/node are known to grant what the identities of the same kind do. What the others
// grant (builtin/dns, builtin/nomad-server, builtin/nomad-client, builtin/api-gateway) is not documented: they grant nothing.
package acl
