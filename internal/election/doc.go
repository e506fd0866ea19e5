// Package election decides which of several snapshot agents takes the snapshots: who holds one key of Consul's KV store leads.
//
// The key is locked as the official Go client locks one (its flags, its session, TTL 15s renewed at half, behavior release, lock-delay
// 15s), so that `consul lock` and other agents that use the client's Lock can contend for the same key. It is exactly this key, never a
// prefix: the rule needed is key "<key>" { policy = "write" }, and session "<node>" { policy = "write" }.
//
// The client's own Lock is not used, for it is too weak here: it ends for good, or blocks, at the first failed read; it tells a holder of
// its loss only through a channel that a stopped process cannot close in time; it has no way to ask again before something is committed;
// and it takes neither a context nor a clock.
//
// # What holds
//
// Each [Term] has a session of its own, whose ID no other term ever has. The key names at most one session. From this follows all else:
//
//  1. [Term.Check] returns nil only if a consistent read that began after the call showed the key with the term's session, and the answer
//     is not older than half the TTL. So of two terms only one can pass a check that begins after the other's candidate has been given
//     its term.
//  2. A term that was lost stays lost: [Term.Lost] is closed, and Check fails without asking.
//  3. [Term.Held] is true for at most one TTL after the request that last renewed the session was sent, whatever happened since: a
//     partition, a stopped process, a suspended machine. Consul ends a session no sooner than one TTL after its renewal, or when
//     its node fails, or it is destroyed; and it gives the key to nobody else for the lock-delay after that. So with a lock-delay
//     that is not shorter than the TTL no two terms are held at the same time, and what begins right after a successful Check has the
//     lock-delay to come to its end. Three things take the key away without a lock-delay, and only a Check tells them: a release
//     or a deletion by others, a restore, and a new leader of Consul's, which has forgotten the lock-delays of its predecessor.
//  4. A term in doubt is not lost. An outage of Consul, however long, ends a term only if Consul says so afterwards: the leader's
//     successor starts the sessions' time anew. Until it says so Held is false, and Check fails.
//  5. A restore of the cluster rewinds its history. Sessions that the restored state does not have are gone, and their terms are lost;
//     a session that it has may get its key back. Which of two terms is right is what the key says now: 1 to 3 hold between two restores.
//  6. Indexes (LockIndex, ModifyIndex) are never compared to tell who holds the key: a restore, and a plain write, set them back.
//
// # What keeps it going
//
// [Candidate.Campaign] ends with leadership or its context, nothing else. No leader, no connection, a server that hangs, a denied
// request, a key with other flags: it tells the trouble (once in the log, and by [Candidate.Trouble]) and tries again, in at most eight
// seconds. A session that has vanished is replaced. A key held by a session that no longer exists (no server does this; an archive put
// together by hand can) is deleted, guarded by its index, once Consul has said in so many words that there is no such session:
// an empty answer does not count, for that is also what a token sees that must not read the session.
//
// What the package refuses: it does not follow a stale answer, it does not take over from a living holder, and it does not repair a key
// with other flags, unless the term itself holds it.
package election
