package serverport

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// A refusal is why a connection is not taken, as an operator needs to read it.
type refusal struct {
	text    string
	details []any // pairs of names and values
}

func (r *refusal) Error() string { return r.text }

func refuse(text string, details ...any) *refusal { return &refusal{text, details} }

// receive takes a new connection as far as its protocol can use it. After an error the connection that it returns is to be closed, if any.
func (p *Port) receive(c net.Conn) (net.Conn, *listener, error) {
	if p.handshake > 0 {
		if err := c.SetDeadline(time.Now().Add(p.handshake)); err != nil {
			return nil, nil, err
		}
	}
	var first [1]byte
	if _, err := io.ReadFull(c, first[:]); err != nil {
		return nil, nil, err
	}
	ready, l, err := c, (*listener)(nil), error(nil)
	if first[0] == startTLS {
		ready, l, err = p.receiveTLS(&replayed{c, first[:]})
	} else {
		l, err = p.receivePlain(c, Protocol(first[0]))
	}
	if err != nil {
		return ready, nil, err
	}
	return ready, l, c.SetDeadline(time.Time{})
}

// answer tells the other side the verdict. What could not be told is no news for the log.
func answer(c net.Conn, v verdict) error {
	_, err := c.Write([]byte{byte(v)})
	return err
}

// receivePlain takes a connection in plaintext.
func (p *Port) receivePlain(c net.Conn, protocol Protocol) (*listener, error) {
	l := p.listening(protocol)
	if l == nil {
		_ = answer(c, unserved)
		return nil, refuse("unrecognized connection to the server port", "first_byte", byte(protocol))
	}
	if p.security.required() {
		_ = answer(c, requiresTLS)
		return nil, refuse("refused a connection in plaintext, for TLS is required here (verify_incoming): set verify_outgoing = true, "+
			"ca_file, cert_file and key_file in tls.internal_rpc of the agent at that address", "protocol", protocol)
	}
	if p.security.server() != nil {
		p.warnings.warn(c.RemoteAddr(), "an agent speaks plaintext, although TLS is configured here: set verify_outgoing = true in "+
			"tls.internal_rpc of the agent at that address; verify_incoming = true here would refuse it", "protocol", protocol)
	}
	return l, answer(c, accepted)
}

// receiveTLS takes a connection that begins with a TLS handshake.
func (p *Port) receiveTLS(c *replayed) (net.Conn, *listener, error) {
	config := p.security.server()
	if config == nil {
		return nil, nil, refuse("refused a connection with TLS, for there is no certificate here: set cert_file and key_file in " +
			"tls.internal_rpc of this agent, or verify_outgoing = false in that of the agent at that address")
	}
	conn := tls.Server(c, config)
	if err := conn.Handshake(); err != nil {
		if unremarkable(err) {
			return nil, nil, err
		}
		linger(c.Conn)
		return nil, nil, refuse("a TLS handshake on the server port failed: compare ca_file, cert_file and key_file in tls.internal_rpc, "+
			"and the clocks, of this agent and the one at that address", "error", err)
	}
	ready := &secured{conn, c.Conn}
	l, v, err := p.judge(conn.ConnectionState())
	if told := answer(ready, v); err == nil {
		err = told
	}
	return ready, l, err
}

// judge decides about a connection whose TLS stands.
func (p *Port) judge(state tls.ConnectionState) (*listener, verdict, error) {
	protocol := protocolOf(state.NegotiatedProtocol)
	l := p.listening(protocol)
	if l == nil {
		return nil, unserved, refuse("unrecognized connection with TLS to the server port", "alpn", state.NegotiatedProtocol)
	}
	if err := p.security.allow(protocol, state); err != nil {
		return nil, noServer, refuse("refused Raft, for the certificate of the other side is not that of a server of this datacenter: "+
			"see cert_file in tls.internal_rpc of the agent at that address", "error", err)
	}
	return l, accepted, nil
}

// unremarkable tells whether a handshake has only ended early, as any port scanner's does.
func unremarkable(err error) bool {
	return hungUp(err) || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded)
}
