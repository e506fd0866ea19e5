package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/agenttoken"
	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/telemetry"
)

// ErrNotLeader is what a Backend answers that is not the leader, or not yet: nothing has been done, and another server, or this one a
// little later, may be asked. Its text is the client's if that goes on for too long.
var ErrNotLeader = errors.New("No cluster leader")

var (
	errOnlyLocal      = refuse(http.StatusNotFound, "this is a matter of the agent that was asked: it is not answered to other agents")
	errRateExceeded   = refuse(http.StatusTooManyRequests, "RPC rate limit exceeded: this agent sends no more requests per second to servers (limits.rpc_rate)")
	errForwardTimeout = errors.New("the server has not answered in time (limits.rpc_client_timeout); what was asked for may have been done or not")
	errLeaderChanged  = errors.New("the leader has changed")
)

// Others are the other agents of the datacenter, as far as requests go that this one must not answer. All methods are safe for
// concurrent use.
type Others interface {
	// IsServer tells whether this agent is a server. Others hold no state.
	IsServer() bool
	// Leading tells whether this server leads, and may answer default reads and writes.
	Leading() bool
	// Leader is the server address of the leader if that is another server, empty if there is none or it is not known. The channel is
	// closed when that changes; it is nil on an agent that does not hear of it.
	Leader() (address string, changed <-chan struct{})
	// FindLeader asks servers who leads; empty if none tells. It is for agents that are no servers.
	FindLeader(ctx context.Context) string
	// LeaderIs takes note of a server's word for who leads, empty for nobody.
	LeaderIs(address string)
	// Server is the server address of any server that seems alive, another one each time; empty if there is none.
	Server() string
	// Send sends a request to a server. An error is a forward.UnsentError if it has not arrived.
	Send(req *http.Request, to Target, m forward.Mark) (*http.Response, error)
	// NoLeader is ErrNotLeader with what is known of the reason.
	NoLeader() error
	// AgentToken is one of the agent's own tokens, empty without.
	AgentToken(kind agenttoken.Kind) string
	// Datacenters are all that are known, this agent's own among them, the nearest first.
	Datacenters() []string
	// ServersOf are the server addresses of servers of another datacenter that seem alive, in the order in which they are to be asked. It
	// is for servers.
	ServersOf(datacenter string) []string
}

// A Target is a server that a request is sent to.
type Target struct {
	Datacenter string // empty for this agent's own
	Address    string // of the server port
}

// A seat is who may answer a request.
type seat int

const (
	leader    seat = iota // the leader
	anyServer             // any server
	thisAgent             // only the agent that was asked
)

// seatOf is who may answer a request at this moment.
func (h *Handler) seatOf(rt *route, r *request) seat {
	switch {
	case rt.local:
		return thisAgent
	case rt.anyServer:
		return anyServer
	case r.Method != http.MethodGet && !rt.reads:
		return leader
	}
	f, err := parseFreshness(r)
	if err != nil {
		return anyServer // whoever it is says what is wrong
	}
	if h.consistency(f) == Stale {
		return anyServer
	}
	return leader
}

// answer has a request answered by who may: here, or by a server that it is forwarded to. Where there is no leader it waits for one, up
// to the RPC hold time. It goes on to another server only as long as nothing can have been done.
func (h *Handler) answer(rt *route, m method, w http.ResponseWriter, r *request) error {
	home, err := h.home(rt, m.name, r)
	if err != nil {
		return err
	}
	mark := forward.Of(r.Context())
	switch {
	case home != "" && h.backend.IsServer():
		return h.answerElsewhere(home, rt, w, r)
	case mark != nil && !mark.Between:
		return h.answerForwarded(rt, m, w, r)
	}
	seat := h.seatOf(rt, r)
	switch {
	case seat == thisAgent && mark != nil:
		return errOnlyLocal
	case home != "":
		seat = anyServer // which knows the way
	}
	var deadline time.Time // of the waiting, which begins with the first failure
	for {
		began := time.Now()
		err := h.answerOnce(seat, rt, m, w, r)
		if !errors.Is(err, ErrNotLeader) || rt.impatient {
			return err
		}
		if deadline.IsZero() || time.Since(began) > h.cfg.HoldTimeout { // such as a query that has blocked for minutes
			deadline = time.Now().Add(h.cfg.HoldTimeout)
		}
		seat = leader // who has failed could have answered if any server could
		if err := h.pause(r.Context(), deadline, err); err != nil {
			return err
		}
		if r.body != nil {
			r.rewind()
		}
	}
}

// pause waits a moment before another attempt. It returns the cause of the wait once that has taken too long.
func (h *Handler) pause(ctx context.Context, deadline time.Time, cause error) error {
	if time.Now().After(deadline) {
		return cause
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-h.stopped:
		return cause
	case <-time.After(10*time.Millisecond + rand.N(20*time.Millisecond)):
		return nil
	}
}

// answerOnce is one attempt to get an answer. After ErrNotLeader nothing has been done, and w is untouched.
func (h *Handler) answerOnce(seat seat, rt *route, m method, w http.ResponseWriter, r *request) error {
	b := h.backend
	if seat == thisAgent || b.IsServer() && (seat == anyServer || b.Leading()) {
		return h.answerHere(m, rt, w, r)
	}
	var address string
	var changed <-chan struct{}
	switch {
	case seat == leader && rt.impatient && !b.IsServer(): // there is but one attempt, and the last leader's name may be old
		address = b.FindLeader(r.Context())
	case seat == leader:
		address, changed = b.Leader()
	}
	if address == "" && !b.IsServer() {
		address = b.Server()
	}
	if address == "" {
		return b.NoLeader()
	}
	return h.forward(rt, w, r, Target{Address: address}, changed)
}

// answerHere answers a request by this agent's own means.
func (h *Handler) answerHere(m method, rt *route, w http.ResponseWriter, r *request) (err error) {
	if !rt.open {
		if r.caller, err = h.backend.Authorize(r.Context(), secretOf(r)); err != nil {
			return err
		}
	}
	return m.serve(w, r)
}

// answerForwarded answers what another agent has forwarded, or says that it must go elsewhere. It is never forwarded again.
func (h *Handler) answerForwarded(rt *route, m method, w http.ResponseWriter, r *request) error {
	err := ErrNotLeader
	switch seat := h.seatOf(rt, r); {
	case seat == thisAgent:
		return errOnlyLocal
	case seat == anyServer || h.backend.Leading():
		err = h.answerHere(m, rt, w, r)
	}
	if errors.Is(err, ErrNotLeader) {
		address, _ := h.backend.Leader()
		forward.AnswerNotLeader(w, address, h.whyNoLeader(address))
		return nil
	}
	return err
}

// forward sends a request to a server, and its answer to the client. After ErrNotLeader nothing has been done, or nothing that may not be
// done twice.
func (h *Handler) forward(rt *route, w http.ResponseWriter, r *request, to Target, changed <-chan struct{}) error {
	if !h.limiter().Allow() {
		metrics.IncrCounter(telemetry.ClientRPCExceeded, 1)
		return errRateExceeded
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	out, err := h.outgoing(ctx, rt, r)
	if err != nil {
		return err
	}
	repeatable := r.Method == http.MethodGet || rt.internal
	if !repeatable {
		changed = nil
	}
	answered := h.watchForward(ctx, cancel, rt, r, changed)
	metrics.IncrCounter(telemetry.ClientRPC, 1)
	resp, err := h.backend.Send(out, to, h.markOf(r, to))
	answered()
	if err != nil {
		return h.forwardFailed(r, to, err, context.Cause(ctx), repeatable)
	}
	defer resp.Body.Close()
	if leader, reason, ok := forward.NotLeader(resp); ok && to.Datacenter == "" {
		h.backend.LeaderIs(leader)
		if reason != "" {
			return &unledError{reason}
		}
		return h.backend.NoLeader()
	}
	if 0 <= resp.ContentLength && resp.ContentLength <= relayWhole { // so that a server which dies in the middle has not answered
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return h.forwardFailed(r, to, err, context.Cause(ctx), repeatable)
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	h.relay(w, r, resp)
	return nil
}

// relayWhole is the size in bytes up to which another server's answer is read to its end before any of it is sent on.
const relayWhole = 64 << 10

// forwardFailed is the error for a request that was forwarded and has no answer.
func (h *Handler) forwardFailed(r *request, to Target, err, cause error, repeatable bool) error {
	metrics.IncrCounter(telemetry.ClientRPCFailed, 1)
	if r.Context().Err() != nil {
		return r.Context().Err() // the client has hung up
	}
	if errors.Is(cause, errForwardTimeout) {
		return fmt.Errorf("rpc error making call: %w", cause)
	}
	if to.Datacenter == "" {
		h.backend.LeaderIs("")
	}
	if repeatable || forward.Unsent(err) {
		return &unreachedError{err}
	}
	return fmt.Errorf("rpc error making call: %w; what was asked for may have been done or not: look before asking again", err)
}

// An unreachedError is [ErrNotLeader] for a server that does not answer: another one may be asked.
type unreachedError struct{ cause error }

func (e *unreachedError) Error() string   { return fmt.Sprintf("%v (%v)", ErrNotLeader, e.cause) }
func (e *unreachedError) Unwrap() []error { return []error{ErrNotLeader, e.cause} }

// whyNoLeader is what this server knows of why there is no leader; empty if there is one, or it knows nothing.
func (h *Handler) whyNoLeader(leader string) string {
	text := h.backend.NoLeader().Error()
	if leader != "" || text == ErrNotLeader.Error() {
		return ""
	}
	return text
}

// An unledError is [ErrNotLeader] with the reason that another server has given.
type unledError struct{ text string }

func (e *unledError) Error() string { return e.text }
func (e *unledError) Unwrap() error { return ErrNotLeader }

// watchForward ends a forwarded request that gets no answer in time, or whose answer would come from a server that leads no more. What
// it returns is to be called once there is an answer.
func (h *Handler) watchForward(ctx context.Context, cancel context.CancelCauseFunc, rt *route, r *request, changed <-chan struct{}) func() {
	if rt.impatient { // snapshots take as long as they take
		return func() {}
	}
	limit := h.cfg.ForwardTimeout
	if after, wait, err := h.parseBlocking(r); err == nil && after > 0 {
		limit += wait
	}
	done, timer := make(chan struct{}), time.NewTimer(limit)
	go func() {
		defer timer.Stop()
		select {
		case <-done:
		case <-ctx.Done():
		case <-changed:
			cancel(errLeaderChanged)
		case <-timer.C:
			cancel(errForwardTimeout)
		}
	}()
	return func() { close(done) }
}

// outgoing is the request that is sent in place of r: with its token, or the agent's, in the header.
func (h *Handler) outgoing(ctx context.Context, rt *route, r *request) (*http.Request, error) {
	u := *r.URL
	if r.has("token") {
		query := maps.Clone(r.query)
		delete(query, "token")
		u.RawQuery = query.Encode()
	}
	body, length, err := h.outgoingBody(rt, r)
	if err != nil {
		return nil, err
	}
	out := &http.Request{Method: r.Method, URL: &u, Header: r.Header.Clone(), Body: body, ContentLength: length}
	for _, name := range []string{"Authorization", "Accept-Encoding", "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding",
		"Upgrade", "Proxy-Connection", "Expect", "Content-Length"} {
		out.Header.Del(name)
	}
	out.Header.Set("X-Consul-Token", h.secretToSend(r))
	return out.WithContext(ctx), nil
}

// secretToSend is the token that what is sent on behalf of a request carries: its own, or this agent's.
func (h *Handler) secretToSend(r *request) string {
	if secret := secretOf(r); secret != "" {
		return secret
	}
	if secret := h.backend.AgentToken(agenttoken.Default); secret != "" {
		return secret
	}
	return acl.AnonymousSecretID // the other agent's own default token is not this one's
}

// outgoingBody is the body to forward. One that can be kept is, for another attempt.
func (h *Handler) outgoingBody(rt *route, r *request) (io.ReadCloser, int64, error) {
	if r.Body == nil || r.ContentLength == 0 { // over HTTP/2 a body without content is there all the same
		return http.NoBody, 0, nil
	}
	if rt.impatient {
		return io.NopCloser(r.Body), r.ContentLength, nil // an attempt that has not sent anything has not read anything, and must not close it
	}
	if err := h.keepBody(r); err != nil {
		return nil, 0, err
	}
	return r.Body, r.ContentLength, nil
}

// keepBody reads a request's body, so that it can be read once more.
func (h *Handler) keepBody(r *request) error {
	if r.body == nil {
		if _, err := readBody(r, max(h.cfg.KVMaxValueSize, h.cfg.TxnMaxSize, maxRequestBody, maxEventPayload), ""); err != nil {
			return err
		}
	}
	r.rewind()
	return nil
}

// rewind makes a body that has been read readable from its beginning.
func (r *request) rewind() {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(r.body)), int64(len(r.body))
}

// relay sends another server's answer to the client.
func (h *Handler) relay(w http.ResponseWriter, r *request, resp *http.Response) {
	out := w.Header()
	for name, values := range resp.Header {
		if _, own := h.headers[name]; !own && name != "Date" {
			out[name] = values
		}
	}
	w.WriteHeader(resp.StatusCode)
	if _, err := io.Copy(w, resp.Body); err != nil {
		h.log.Warn("a forwarded answer was not sent to its end: the connection is cut", "from", r.RemoteAddr, "error", err)
		panic(http.ErrAbortHandler) // net/http's way to cut a connection
	}
}

// agentNode is the name of the node that a request means by the agent: that of the one which the client has asked. It is empty if that is
// in another datacenter.
func (h *Handler) agentNode(r *request) string {
	switch m := forward.Of(r.Context()); {
	case m == nil:
		return h.nodeName()
	case m.Datacenter != "" && m.Datacenter != h.backend.Datacenter():
		return ""
	default:
		return m.Node
	}
}
