// Package forward carries HTTP requests between agents: over the server port ([serverport.Requests]), as HTTP/2. Whether a connection
// is encrypted is up to who makes it.
//
// A [Transport] sends, and tells for each failure whether the request may have reached the other side: what was not sent may be sent
// elsewhere, what may have been sent must not be repeated if it writes. Connections are shared by all requests to one server, and a
// server that has fallen silent is noticed by pings, not by waiting for an answer that may take as long as a blocking query blocks.
//
// A request that comes in over the server port is marked by that alone ([Of]): it has been forwarded. Inside a datacenter it is not forwarded
// again; between datacenters it is forwarded once, to a server that may forward it once more to its own leader. Headers name the agent whose
// client asks, and that client. The mark carries no rights. Headers of those names have no meaning on requests that come in any other way.
package forward
