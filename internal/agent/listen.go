package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/lictor-dr/lictor/internal/agentconfig"
	"github.com/lictor-dr/lictor/internal/httpapi"
	"github.com/lictor-dr/lictor/internal/tlsconf"
)

// listen opens all HTTP listeners, and serves them once all are open.
func (a *Agent) listen() error {
	config, err := httpConfig(a.config)
	if err != nil {
		return err
	}
	a.handler = httpapi.New(config, &backend{a}, a.log.Named("http"))
	a.limiter = httpapi.NewConnLimiter(a.config.Limits.HTTPMaxConnsPerClient)
	a.web = a.handler.NewServer()
	silent := &silentConns{conns: map[net.Conn]struct{}{}}
	a.web.ConnState = silent.track
	a.web.RegisterOnShutdown(silent.closeSoon)
	a.handler.SetDebug(a.config.EnableDebug)
	open, err := a.openAll()
	if err != nil {
		for _, l := range open {
			l.Close()
		}
		return err
	}
	for _, l := range open {
		a.serve(l)
	}
	return nil
}

// openAll opens the listeners of HTTP and HTTPS. On an error it returns those that are open.
func (a *Agent) openAll() (open []net.Listener, err error) {
	for _, l := range a.config.HTTPListeners {
		opened, err := a.open(l, "http")
		if err != nil {
			return open, err
		}
		open = append(open, a.limiter.Listener(opened, false))
	}
	for _, l := range a.config.HTTPSListeners {
		opened, err := a.open(l, "https")
		if err != nil {
			return open, err
		}
		limited := a.limiter.Listener(opened, true)
		open = append(open, tlsconf.NewListener(limited, a.tls.HTTPSServer(), a.config.Limits.HTTPSHandshakeTimeout, a.log.Named("http")))
	}
	return open, nil
}

func (a *Agent) serve(l net.Listener) {
	a.serving.Go(func() {
		if err := a.web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.fail(fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err))
		}
	})
}

// unlessUnlimited is a time limit, or one that nobody waits for.
func unlessUnlimited(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 1000 * time.Hour
	}
	return limit
}

func httpConfig(c *agentconfig.Config) (httpapi.Config, error) {
	h := httpapi.Config{
		KVMaxValueSize:    int64(c.Limits.KVMaxValueSize),
		TxnMaxSize:        int64(c.Limits.TxnMaxSize),
		SessionTTLMin:     c.SessionTTLMin,
		DefaultQueryTime:  c.DefaultQueryTime,
		MaxQueryTime:      c.MaxQueryTime,
		ResponseHeaders:   c.HTTP.ResponseHeaders,
		BlockEndpoints:    c.HTTP.BlockEndpoints,
		AllowUnprintable:  c.HTTP.AllowUnprintablePaths,
		MaxHeaderBytes:    c.HTTP.MaxHeaderBytes,
		CacheDisabled:     !c.HTTP.UseCache,
		DefaultACLPolicy:  "allow",
		DownACLPolicy:     c.ACL.DownPolicy,
		KeyListPolicy:     c.ACL.KeyListPolicy && c.ACL.Enabled,
		TranslateWANAddrs: c.TranslateWANAddrs,

		PrimaryDatacenter: c.PrimaryDatacenter, TokenReplication: c.ACL.TokenReplication,

		HoldTimeout: c.RPCHoldTimeout, ForwardTimeout: unlessUnlimited(c.Limits.RPCClientTimeout),
		ForwardRate: c.Limits.RPCRate, ForwardBurst: c.Limits.RPCMaxBurst, DiscoveryMaxStale: c.DiscoveryMaxStale,
	}
	if c.ACL.Enabled {
		h.DefaultACLPolicy = c.ACL.DefaultPolicy
	}
	for _, network := range c.HTTP.AllowWriteFrom {
		prefix, err := netip.ParsePrefix(network.String())
		if err != nil {
			return h, fmt.Errorf("allow_write_http_from: %w", err)
		}
		h.AllowWriteFrom = append(h.AllowWriteFrom, prefix)
	}
	return h, nil
}

// open opens one listener, and says so.
func (a *Agent) open(l agentconfig.Listener, protocol string) (net.Listener, error) {
	opened, err := a.openSilently(l)
	if err == nil {
		a.log.Info("Starting server", "address", l.Address, "network", l.Network, "protocol", protocol)
	}
	return opened, err
}

// openSilently opens one listener. A socket file that a killed agent has left is replaced; another kind of file is not.
func (a *Agent) openSilently(l agentconfig.Listener) (net.Listener, error) {
	if l.Network != "unix" {
		return net.Listen(l.Network, l.Address)
	}
	if info, err := os.Lstat(l.Address); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("listen on unix socket %s: the file exists and is not a socket", l.Address)
		}
		if err := os.Remove(l.Address); err != nil {
			return nil, err
		}
	}
	opened, err := net.Listen(l.Network, l.Address)
	if err != nil {
		return nil, err
	}
	a.sockets = append(a.sockets, l.Address)
	if err := own(l.Address, a.config.UnixSockets); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

// own gives a socket file the configured owner and permissions.
func own(path string, c agentconfig.UnixSocketConfig) error {
	if c.UID >= 0 || c.GID >= 0 {
		if err := os.Chown(path, c.UID, c.GID); err != nil {
			return fmt.Errorf("set owner of unix socket: %w", err)
		}
	}
	if c.Mode != nil {
		if err := os.Chmod(path, *c.Mode); err != nil {
			return fmt.Errorf("set mode of unix socket: %w", err)
		}
	}
	return nil
}
