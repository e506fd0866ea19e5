package forward

import (
	"context"
	"net/http"
	"net/netip"
)

// Headers of forwarded requests and their answers.
const (
	headerNode   = "Lictor-Node"   // the agent that forwards
	headerClient = "Lictor-Client" // IP:port of that agent's client
	// headerNotLeader is on the answer of a server that does not lead, and thus has done nothing. Its value is the server address of
	// the leader, empty if it knows none.
	headerNotLeader = "Lictor-Not-Leader"
)

// A Mark is what an agent learns of a request that another one has forwarded.
type Mark struct {
	Node string // of the agent that forwards: what "this agent" means in the request
}

type markKey struct{}

// Of returns the mark of a request, nil if it has not been forwarded.
func Of(ctx context.Context) *Mark {
	m, _ := ctx.Value(markKey{}).(*Mark)
	return m
}

// sign puts into a request's headers what the other side is to know.
func sign(header http.Header, node, client string) {
	header.Set(headerNode, node)
	header.Set(headerClient, client)
}

// marked serves what comes in over the server port: each request gets its mark, and the address of the client that it is from.
func marked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		m := &Mark{Node: req.Header.Get(headerNode)}
		client := req.Header.Get(headerClient)
		req = req.WithContext(context.WithValue(req.Context(), markKey{}, m))
		if _, err := netip.ParseAddrPort(client); err == nil || client == "" {
			req.RemoteAddr = client
		}
		next.ServeHTTP(w, req)
	})
}

// AnswerNotLeader answers a forwarded request with where to go: to the leader, whose server address may be unknown.
func AnswerNotLeader(w http.ResponseWriter, leader string) {
	w.Header().Set(headerNotLeader, leader)
	w.WriteHeader(http.StatusMisdirectedRequest)
}

// NotLeader tells whether an answer is that of [AnswerNotLeader], and the leader in it.
func NotLeader(resp *http.Response) (leader string, ok bool) {
	values, ok := resp.Header[headerNotLeader]
	if !ok || resp.StatusCode != http.StatusMisdirectedRequest {
		return "", false
	}
	return values[0], true
}
