package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/lictor-dr/lictor/internal/forward"
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/serverport"
)

// Paths of what agents ask each other beside forwarded requests. They are served on the server port alone.
const (
	statsPath = "/internal/stats" // a server's figures of Raft
	tokenPath = "/internal/token" // what an ACL token consists of
)

// openServerPort opens the port that other agents talk to servers on.
func (a *Agent) openServerPort() error {
	a.transport = forward.NewTransport(func(ctx context.Context, address string) (net.Conn, error) {
		return a.dialRequests(ctx, a.config.Datacenter, address)
	})
	if !a.config.Server {
		return nil
	}
	address := netip.AddrPortFrom(a.config.BindAddr, uint16(a.config.ServerPort)).String()
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("Failed to start Consul server: Failed to start RPC layer: %w", err)
	}
	a.portLimiter = httpapi.NewConnLimiter(a.config.Limits.RPCMaxConnsPerClient)
	a.socket = &closedOnce{Listener: l, close: sync.OnceValue(l.Close)}
	limited := a.portLimiter.Listener(a.socket, true)
	a.port = serverport.Serve(limited, a.config.Limits.RPCHandshakeTimeout, a.portSecurity(), a.log.Named("server.rpc"))
	a.requests = a.port.Listener(serverport.Requests, a.serverAddr())
	return nil
}

// portSecurity is how connections to server ports are secured, this agent's own and those of others.
func (a *Agent) portSecurity() serverport.Security {
	return serverport.Security{Server: a.tls.InternalServer, Required: a.tls.RequireTLS, AllowRaft: a.tls.AllowRaft, Client: a.tls.InternalClient}
}

// dialRequests opens a connection for requests to the port of a server of a datacenter.
func (a *Agent) dialRequests(ctx context.Context, datacenter, address string) (net.Conn, error) {
	if a.seams.dial != nil {
		return a.seams.dial(ctx, datacenter, address)
	}
	return serverport.Dialer{Security: a.portSecurity()}.Dial(ctx, datacenter, serverport.Requests, address)
}

// closedOnce is a listener that several may close.
type closedOnce struct {
	net.Listener
	close func() error
}

func (l *closedOnce) Close() error { return l.close() }

// serverAddr is the address of the server port for other agents.
func (a *Agent) serverAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.config.AdvertiseAddr, uint16(a.config.ServerPort)))
}

// serveRequests answers what comes in over the server port.
func (a *Agent) serveRequests() error {
	if a.port == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+statsPath, func(w http.ResponseWriter, _ *http.Request) { writeInternal(w, a.server.Stats()) })
	mux.HandleFunc("GET "+tokenPath, a.serveToken)
	a.serveACLs(mux)
	internal := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, pattern := mux.Handler(req); pattern != "" {
			mux.ServeHTTP(w, req)
			return
		}
		a.handler.ServeHTTP(w, req)
	})
	a.internal = forward.NewServer(internal, a.config.HTTP.MaxHeaderBytes, a.log.Named("server.rpc"))
	a.internal.RegisterOnShutdown(a.handler.Close)
	a.internal.RegisterOnShutdown(a.stopACLWaits())
	a.serving.Go(func() {
		if err := a.internal.Serve(a.requests); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			a.log.Error("serving requests on the server port failed", "error", err)
		}
	})
	return nil
}

func writeInternal(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the other side notices what is missing
}

// askServer asks the server at an address for what it serves on its port. token may be empty.
func (a *Agent) askServer(ctx context.Context, address, path, token string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("X-Consul-Token", token)
	}
	resp, err := a.transport.Send(req, address, forward.Mark{Node: a.config.NodeName, Datacenter: a.config.Datacenter})
	if err != nil {
		return err
	}
	return readAnswer(resp, address, path, answer)
}
