package serverport

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"time"
)

// A Dialer connects to the ports of other servers.
type Dialer struct{ Security Security }

// Dial connects to the port of a server of a datacenter, and returns once the server has taken the connection; ctx bounds all of that.
// A connection with TLS looks like one without. After an error nothing has been asked of the server.
func (d Dialer) Dial(ctx context.Context, datacenter string, protocol Protocol, address string) (net.Conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err // it names the address
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) }) // whoever waits is woken
	c, err := d.open(raw, datacenter, protocol)
	if !stop() {
		err = fmt.Errorf("the server did not answer in time: %w", context.Cause(ctx))
	}
	if err != nil {
		raw.Close()
		return nil, explain(err, address)
	}
	return c, nil
}

// open makes a new connection one that carries the protocol.
func (d Dialer) open(raw net.Conn, datacenter string, protocol Protocol) (net.Conn, error) {
	config := d.Security.client(datacenter, protocol)
	if config == nil {
		if _, err := raw.Write([]byte{byte(protocol)}); err != nil {
			return nil, err
		}
		return raw, hear(raw)
	}
	conn := tls.Client(raw, config)
	if err := conn.Handshake(); err != nil {
		return nil, &handshakeError{err}
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != alpn[protocol] {
		return nil, errNoPort
	}
	if err := hear(conn); err != nil { // in TLS 1.3 only now comes what the server has against our certificate
		return nil, &handshakeError{err}
	}
	return &secured{conn, raw}, nil
}

// hear waits for the server's verdict.
func hear(c net.Conn) error {
	var b [1]byte
	_, err := io.ReadFull(c, b[:])
	switch {
	case err != nil && hungUp(err):
		return fmt.Errorf("%w: %w", errNoVerdict, err)
	case err != nil:
		return err
	}
	switch verdict(b[0]) {
	case accepted:
		return nil
	case unserved:
		return errUnserved
	case requiresTLS:
		return errRequiresTLS
	case noServer:
		return errNoServer
	}
	return errNoPort
}
