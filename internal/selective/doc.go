// Package selective brings chosen objects of a state back into a living datacenter, through Consul's public HTTP API: keys, ACLs, prepared
// queries, nodes, services and checks.
//
// [Make] reads what is meant out of a source of records, reads what the datacenter has of it, and compares the two: what differs is the
// [Plan]. [Plan.Apply] carries it out. [Undo] makes the plan that takes a restore back, out of the file that was written before its first
// change.
//
// What it promises:
//
//   - Nothing is written that the plan does not name. What is equal already is not written again.
//   - What has changed since it was read is not overwritten: keys, nodes, services and checks are written by check-and-set; what the API
//     has no check-and-set for is read again right before it is written. What was changed by others is named in the [Outcome].
//   - Nothing is removed unless that was asked for, and never what the cluster needs or would write back: the anonymous token, built-in
//     policies, the token in use, members of the cluster and what their agents keep.
//   - Before the first change a file is complete and on disk that leads back (package undofile). A restore that was interrupted and is made
//     again extends it: what was there before the first one stays in it.
//   - A restore can be broken off and made again at any moment: what has been done differs no more, and is not planned again.
//   - The token needs rights on what is named, and no others. What a token may not see is not taken for missing.
//
// Keys may be given other names by prefix. ACL policies, roles and queries get new IDs where theirs are not there any more: they are known
// by their names then, and links in tokens and roles follow. What the API cannot bring back is in the notes of the plan, each with the
// reason.
//
// Memory grows by some dozens of bytes for each object that is meant, and by the names of those that differ; values are kept in scratch
// files. Objects other than keys are held in memory while the plan is made.
package selective
