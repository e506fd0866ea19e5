package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"
)

// A renewer sends requests of a process that outlives its certificates: when a file of them has changed, the next request goes over a new
// connection that is made with what the files then hold. Files that do not fit, as they do while they are being replaced, are
// warned of, and what was there before is used on.
type renewer struct {
	files api.TLSConfig
	log   hclog.Logger

	mu    sync.Mutex
	state string // of the files when they were last read
	now   *http.Transport
}

// renew makes the client of a configuration one that follows the files.
func renew(config *api.Config, log hclog.Logger) {
	outer, ok := config.HttpClient.Transport.(*advisor)
	if !ok {
		return
	}
	if transport, ok := outer.next.(*http.Transport); ok {
		outer.next = &renewer{files: config.TLSConfig, log: log, state: stateOf(config.TLSConfig), now: transport}
	}
}

// RoundTrip sends a request.
func (r *renewer) RoundTrip(req *http.Request) (*http.Response, error) {
	return r.current().RoundTrip(req)
}

// CloseIdleConnections closes those that are kept.
func (r *renewer) CloseIdleConnections() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.CloseIdleConnections()
}

// current is the transport that goes by the files.
func (r *renewer) current() *http.Transport {
	r.mu.Lock()
	defer r.mu.Unlock()
	state := stateOf(r.files)
	if state == r.state {
		return r.now
	}
	r.state = state // before they are read: what changes meanwhile will be noticed
	config, err := api.SetupTLSConfig(&r.files)
	if err != nil {
		r.log.Warn("the certificates for the connection to Consul have changed and cannot be used; those of before stay", "error", err)
		return r.now
	}
	old := r.now
	r.now = old.Clone()
	r.now.TLSClientConfig = config
	old.CloseIdleConnections()
	r.log.Info("The certificates for the connection to Consul have been read again")
	return r.now
}

// stateOf tells by which the files differ from what they were.
func stateOf(c api.TLSConfig) string {
	var all strings.Builder
	files := []string{c.CAFile, c.CertFile, c.KeyFile}
	if c.CAPath != "" {
		inside, _ := filepath.Glob(filepath.Join(c.CAPath, "*")) // whoever reads them reports what is wrong
		files = append(files, inside...)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			fmt.Fprintln(&all, f, info.Size(), info.ModTime().UnixNano())
		}
	}
	return all.String()
}
