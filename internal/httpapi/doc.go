// Package httpapi is the HTTP API of a Lictor agent: Consul's API, as far as this release serves it, such that Consul's own Go
// client and the scripts of its users work unchanged.
//
// A [Handler] serves requests from a [Backend], the server behind it. The package knows how a request is read and how an answer
// looks, and nothing of Raft or of files. [Handler.NewServer] and [ConnLimiter] bring it to the network.
//
// Promises:
//
//   - Every read of replicated state says how fresh it is (index, last contact, known leader), also where nothing was found.
//   - A blocked query ends when what it reads changes, when its time is up, when the state is replaced by a restore, when its
//     client has gone, or when the server stops.
//   - No value above the limit is taken in, whichever way its length is announced.
//   - An archive that cannot be sent to its end breaks the connection, so that no client takes it for whole.
//   - Tokens never reach the log.
//   - A request that this agent must not answer goes to who may: to the leader, or from an agent that is no server to any of them
//     (forward.go). A write is sent again only if it has certainly done nothing. What has been forwarded is not forwarded again inside a
//     datacenter, nor out of one that it has been sent to (datacenter.go).
//
// Refused: namespaces and partitions, methods outside a path's list, datacenters that nobody knows, paths on the block list, writes from networks that
// may not write, and what the caller's token does not permit.
//
// What takes several datacenters is put together here (inquiry.go): failing prepared queries over, changing gossip keys, summing up usage.
// A datacenter that does not answer costs a bounded time, and is named where it is missed.
//
// A family of endpoints is a file with a table of [route] values: kv.go, snapshot.go, status.go, agent.go, operator.go, catalog.go.
package httpapi
