package tlsconf

import (
	"crypto/tls"
	"errors"
	"sync"
	"sync/atomic"
)

// ErrSwitch is the error of a reload that would switch TLS on or off.
var ErrSwitch = errors.New("TLS cannot be switched on or off while the agent runs: restart it, " +
	"or bring back the cert_file and key_file as they were set or not set when it started")

// TLS is an agent's TLS. It is safe for concurrent use.
type TLS struct {
	reloading sync.Mutex // one at a time
	now       atomic.Pointer[loaded]
}

// loaded is a configuration with its files. It does not change.
type loaded struct {
	config          Config
	files           string // a digest of their content
	internal, https material
	httpsServer     *tls.Config // of one handshake
	internalServer  *tls.Config // of one handshake, but for its protocols
}

// Load reads the files of a configuration.
func Load(c Config) (*TLS, error) {
	l, err := load(c)
	if err != nil {
		return nil, err
	}
	t := &TLS{}
	t.now.Store(l)
	return t, nil
}

func load(c Config) (*loaded, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	l := &loaded{config: c, files: c.digest()} // before they are read: what changes meanwhile will be noticed
	var err error
	if l.internal, err = c.InternalRPC.load(); err != nil {
		return nil, err
	}
	if l.https, err = c.HTTPS.load(); err != nil {
		return nil, err
	}
	l.httpsServer = serverConfig(c.HTTPS, l.https)
	l.httpsServer.NextProtos = []string{"h2", "http/1.1"}
	l.internalServer = serverConfig(c.InternalRPC, l.internal)
	return l, nil
}

// Reload reads files again, those of c, and goes by c's protocols from the next handshake on; the rest of c counts at a start only.
// Connections that are open stay as they are. On an error nothing changes. The error is ErrSwitch where c has a certificate for the server port and there was none, or the other way round,
// and where it has none any more for HTTPS.
func (t *TLS) Reload(c Config) error {
	t.reloading.Lock()
	defer t.reloading.Unlock()
	old := t.now.Load()
	c.Datacenter, c.Domain, c.NodeName = old.config.Datacenter, old.config.Domain, old.config.NodeName
	c.ServerName, c.UseForChecks = old.config.ServerName, old.config.UseForChecks
	l, err := load(c)
	if err != nil {
		return err
	}
	if (old.internal.cert == nil) != (l.internal.cert == nil) || old.https.cert != nil && l.https.cert == nil {
		return ErrSwitch
	}
	t.now.Store(l)
	return nil
}

// Config is the configuration in force.
func (t *TLS) Config() Config { return t.now.Load().config }
