package healthcheck

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/lictor-dr/lictor/internal/definition"
)

// tcpProbe connects, and with TCPUseTLS shakes hands.
func tcpProbe(def *definition.Check, agent ClientTLS) probe {
	return func(ctx context.Context) (string, string) {
		var dial func(ctx context.Context, network, address string) (net.Conn, error) = new(net.Dialer).DialContext
		if def.TCPUseTLS {
			dial = (&tls.Dialer{Config: agent.of(def)}).DialContext
		}
		conn, err := dial(ctx, "tcp", def.TCP)
		if err != nil {
			return definition.Critical, err.Error()
		}
		conn.Close()
		return definition.Passing, "TCP connect " + def.TCP + ": Success"
	}
}
