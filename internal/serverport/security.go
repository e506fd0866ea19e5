package serverport

import (
	"crypto/tls"
	"fmt"
)

// A Security says how connections are secured. Each of its functions is called for each connection, concurrently, and may be nil.
// The zero value is plaintext.
type Security struct {
	// Server returns what the port speaks TLS with, offering these protocols in ALPN; nil, and where it is not set: no TLS here.
	Server func(protocols ...string) *tls.Config
	// Required tells whether the port is closed to plaintext.
	Required func() bool
	// AllowRaft returns an error if whoever is at the other end of a connection must not speak Raft: who has no certificate of a server
	// of this datacenter.
	AllowRaft func(tls.ConnectionState) error
	// Client returns what to speak TLS with to a server of a datacenter, offering this protocol in ALPN; nil, and where it is not set:
	// plaintext.
	Client func(datacenter, protocol string) *tls.Config
}

func (s Security) server() *tls.Config {
	if s.Server == nil {
		return nil
	}
	return s.Server(alpn[Raft], alpn[Requests])
}

func (s Security) client(datacenter string, protocol Protocol) *tls.Config {
	if s.Client == nil {
		return nil
	}
	return s.Client(datacenter, alpn[protocol])
}

func (s Security) required() bool { return s.Required != nil && s.Required() }

func (s Security) allow(protocol Protocol, state tls.ConnectionState) error {
	if protocol != Raft || s.AllowRaft == nil {
		return nil
	}
	return s.AllowRaft(state)
}

// A Protocol is what a connection carries: its first byte in plaintext.
type Protocol byte

// The protocols.
const (
	Raft     Protocol = 1 // Raft's messages between servers
	Requests Protocol = 2 // HTTP/2: requests of other agents
)

// startTLS is the first byte of a connection with TLS: a handshake record.
const startTLS = 0x16

// alpn are the protocols' names in TLS.
var alpn = map[Protocol]string{Raft: "lictor-raft", Requests: "lictor-requests"}

// protocolOf returns the protocol of a name in TLS, 0 if there is none.
func protocolOf(name string) Protocol {
	for p, n := range alpn {
		if n == name {
			return p
		}
	}
	return 0
}

// String is the protocol's name.
func (p Protocol) String() string {
	switch p {
	case Raft:
		return "Raft"
	case Requests:
		return "requests"
	}
	return fmt.Sprintf("protocol %d", byte(p))
}

// A verdict is the byte that the port answers a new connection with.
type verdict byte

const (
	accepted    verdict = 1
	unserved    verdict = 2 // nobody listens for the protocol
	requiresTLS verdict = 3
	noServer    verdict = 4 // the certificate is not that of a server, and may not speak Raft
)
