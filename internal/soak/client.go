//go:build heavy && unix

package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// requestLimit bounds every request that has no shorter limit of its own.
const requestLimit = 2 * time.Minute

// A client talks to one process.
type client struct {
	base      string
	http      *http.Client
	transport *http.Transport
}

func newClient(port int) *client {
	transport := &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true}
	return &client{fmt.Sprintf("http://127.0.0.1:%d", port), &http.Client{Transport: transport, Timeout: requestLimit}, transport}
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// An answer is a whole answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// index is the X-Consul-Index of the answer, 0 if there is none.
func (a answer) index() uint64 {
	n, _ := strconv.ParseUint(a.header.Get("X-Consul-Index"), 10, 64)
	return n
}

// A refusal is an answer with another status than 200.
type refusal struct{ answer }

func (r *refusal) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.body) }

// refused returns the refusal in err, nil if there was none: the connection failed, or nothing did.
func refused(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}

// do sends a request and reads the answer to its end. The error is a *refusal if there was an answer.
func (c *client) do(ctx context.Context, method, path string, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	a := answer{resp.StatusCode, resp.Header, b}
	if err != nil {
		return a, err
	}
	if a.status != http.StatusOK {
		return a, &refusal{a}
	}
	return a, nil
}

func (c *client) get(ctx context.Context, path string) (answer, error) {
	return c.do(ctx, http.MethodGet, path, nil)
}

// put writes a key.
func (c *client) put(ctx context.Context, key string, value []byte) error {
	a, err := c.do(ctx, http.MethodPut, keyPath(key), value)
	if err == nil && string(bytes.TrimSpace(a.body)) != "true" {
		return fmt.Errorf("put %s: the answer is %q", key, a.body)
	}
	return err
}

// value reads a key; nil if it is not there.
func (c *client) value(ctx context.Context, key string) ([]byte, error) {
	a, err := c.get(ctx, keyPath(key)+"?raw")
	if r := refused(err); r != nil && r.status == http.StatusNotFound {
		return nil, nil
	}
	return a.body, err
}

func keyPath(key string) string { return (&url.URL{Path: "/v1/kv/" + key}).EscapedPath() }

// An entry is one of a listing.
type entry struct {
	Key                                 string
	Value                               []byte
	Flags                               uint64
	Session                             string
	CreateIndex, ModifyIndex, LockIndex uint64
}

// list reads all entries below a prefix, with the index of the answer.
func (c *client) list(ctx context.Context, prefix string) ([]entry, uint64, error) {
	a, err := c.get(ctx, keyPath(prefix)+"?recurse&consistent")
	if r := refused(err); r != nil && r.status == http.StatusNotFound {
		return nil, a.index(), nil
	}
	if err != nil {
		return nil, 0, err
	}
	var all []entry
	err = json.Unmarshal(a.body, &all)
	return all, a.index(), err
}

// restore sends an archive.
func (c *client) restore(ctx context.Context, archive []byte) (answer, error) {
	return c.do(ctx, http.MethodPut, "/v1/snapshot", archive)
}

// save fetches an archive.
func (c *client) save(ctx context.Context) ([]byte, error) {
	a, err := c.get(ctx, "/v1/snapshot")
	return a.body, err
}
