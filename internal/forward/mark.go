package forward

import (
	"context"
	"io"
	"net/http"
	"net/netip"
)

// Headers of forwarded requests and their answers.
const (
	headerNode       = "Lictor-Node"       // Mark.Node
	headerDatacenter = "Lictor-Datacenter" // Mark.Datacenter
	headerClient     = "Lictor-Client"     // Mark.Client
	headerBetween    = "Lictor-Between"    // Mark.Between: "1" or absent
	headerTranslate  = "Lictor-Translate"  // Mark.TranslateAddrs: "1" or absent
	// headerNotLeader is on the answer of a server that does not lead, and thus has done nothing. Its value is the server address of
	// the leader, empty if it knows none.
	headerNotLeader = "Lictor-Not-Leader"
)

// A Mark is what an agent learns of a request that another one has forwarded.
type Mark struct {
	Node       string // of the agent that its client has asked: what "this agent" means in the request
	Datacenter string // of that agent
	Client     string // IP:port of that client; empty if the agent asks for itself
	// Between says that the request comes from another datacenter: inside this one it has not been forwarded yet.
	Between bool
	// TranslateAddrs says that the client is to see the addresses by which nodes are reached from other datacenters.
	TranslateAddrs bool
}

type markKey struct{}

// Of returns the mark of a request, nil if it has not been forwarded.
func Of(ctx context.Context) *Mark {
	m, _ := ctx.Value(markKey{}).(*Mark)
	return m
}

// sign puts into a request's headers what the other side is to know.
func (m *Mark) sign(header http.Header) {
	header.Set(headerNode, m.Node)
	header.Set(headerDatacenter, m.Datacenter)
	header.Set(headerClient, m.Client)
	for name, on := range map[string]bool{headerBetween: m.Between, headerTranslate: m.TranslateAddrs} {
		header.Del(name)
		if on {
			header.Set(name, "1")
		}
	}
}

// marked serves what comes in over the server port: each request gets its mark, and the address of the client that it is from.
func marked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		m := &Mark{
			Node: req.Header.Get(headerNode), Datacenter: req.Header.Get(headerDatacenter), Client: req.Header.Get(headerClient),
			Between: req.Header.Get(headerBetween) != "", TranslateAddrs: req.Header.Get(headerTranslate) != "",
		}
		req = req.WithContext(context.WithValue(req.Context(), markKey{}, m))
		if _, err := netip.ParseAddrPort(m.Client); err != nil && m.Client != "" {
			m.Client = req.RemoteAddr
		}
		req.RemoteAddr = m.Client
		next.ServeHTTP(w, req)
	})
}

// AnswerNotLeader answers a forwarded request with where to go: to the leader, whose server address may be unknown. reason may say why there
// is none.
func AnswerNotLeader(w http.ResponseWriter, leader, reason string) {
	w.Header().Set(headerNotLeader, leader)
	w.WriteHeader(http.StatusMisdirectedRequest)
	_, _ = io.WriteString(w, reason) // who does not read it does without
}

// maxReason limits what is read of a reason, in bytes.
const maxReason = 4 << 10

// NotLeader tells whether an answer is that of [AnswerNotLeader], and what is in it.
func NotLeader(resp *http.Response) (leader, reason string, ok bool) {
	values, ok := resp.Header[headerNotLeader]
	if !ok || resp.StatusCode != http.StatusMisdirectedRequest {
		return "", "", false
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxReason))
	return values[0], string(text), true
}
