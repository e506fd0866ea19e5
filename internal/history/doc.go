// Package history records what concurrent clients did to keys and locks over the HTTP API, and judges whether one machine that does one
// thing after the other could have answered so (linearizability, checked by porcupine).
//
// A [Client] sends requests, and a [Recorder] keeps when it was sent, when it was answered, and what is certain about
// it: it was done ([OK]), it was certainly not done ([Fail]), or nobody knows ([Unknown]), as with a request that is not answered. What is
// unknown may have happened at any time since, or never.
//
// [Check] promises that a lost update, a stale consistent read, a write that was refused and is there, and a lock with two holders are
// found. It relies on two rules, which callers keep: no value is written twice, and a lock's sessions have no TTL, no checks and no
// lock-delay, each is used by one client for one key, and ended. Default reads may be stale while an old leader does not know yet that
// it is one: they are not judged, but counted, with their age.
//
// Keys must not exist before the history begins, and nothing else writes them. Only tests import this package.
package history
