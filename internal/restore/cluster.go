package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/lictor-dr/lictor/internal/record"
)

// Cluster is a Target: the cluster that an agent belongs to, asked by its HTTP API.
type Cluster struct {
	// Client asks for what the API client of Consul knows to ask.
	Client *api.Client
	// Config is what Client was made of, as api.NewClient has completed it. Requests that the API client cannot make are made with it.
	Config *api.Config
}

// statusError is an answer that says no, in the words of Consul's API client.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("Unexpected response code: %d (%s)", e.code, e.text)
}

// answered tells whether an error is the server's answer.
func answered(err error) bool {
	var status *statusError
	return errors.As(err, &status)
}

// turnedAway tells whether an error is the server's refusal of this client's certificate. A server that says so reads no request.
func turnedAway(err error) bool {
	var remote *net.OpError
	return errors.As(err, &remote) && remote.Op == "remote error" && strings.Contains(remote.Err.Error(), "certificate")
}

// Restore sends an archive to PUT /v1/snapshot. Types to be let through go into the parameter allow-types, which a Lictor server
// honours and a Consul server does not look at.
func (c *Cluster) Restore(ctx context.Context, archive io.Reader, size int64, allow []record.Type) error {
	params := url.Values{}
	if len(allow) > 0 {
		var list []string
		for _, t := range allow {
			list = append(list, strconv.Itoa(int(t)))
		}
		params.Set("allow-types", strings.Join(list, ","))
	}
	req, err := c.request(ctx, http.MethodPut, "/v1/snapshot", params, archive)
	if err != nil {
		return err
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := c.do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// request makes a request as the API client would make it.
func (c *Cluster) request(ctx context.Context, method, path string, params url.Values, body io.Reader) (*http.Request, error) {
	host := c.Config.Address
	if strings.HasPrefix(host, "/") { // a Unix socket
		host = "localhost"
	}
	for name, value := range map[string]string{"dc": c.Config.Datacenter, "ns": c.Config.Namespace, "partition": c.Config.Partition} {
		if value != "" {
			params.Set(name, value)
		}
	}
	u := url.URL{Scheme: c.Config.Scheme, Host: host, Path: c.Config.PathPrefix + path, RawQuery: params.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	if c.Config.Token != "" {
		req.Header.Set("X-Consul-Token", c.Config.Token)
	}
	if auth := c.Config.HttpAuth; auth != nil {
		req.SetBasicAuth(auth.Username, auth.Password)
	}
	return req, nil
}

// do returns the answer if it is a yes.
func (c *Cluster) do(req *http.Request) (*http.Response, error) {
	resp, err := c.Config.HttpClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // as much of the reason as there is
	_ = resp.Body.Close()                                    // it was only read
	return nil, &statusError{resp.StatusCode, strings.TrimSpace(string(text))}
}

// countKeys counts the keys without holding their names.
func (c *Cluster) countKeys(ctx context.Context) (int64, error) {
	req, err := c.request(ctx, http.MethodGet, "/v1/kv/", url.Values{"keys": {""}}, nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.do(req)
	var status *statusError
	if errors.As(err, &status) && status.code == http.StatusNotFound {
		return 0, nil // there are none
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }() // it is only read
	return countItems(resp.Body)
}

// countItems counts the items of a JSON array.
func countItems(r io.Reader) (n int64, err error) {
	d := json.NewDecoder(r)
	first, err := d.Token()
	if err != nil {
		return 0, err
	}
	if first != json.Delim('[') {
		return 0, fmt.Errorf("the answer is no list but begins with %v", first)
	}
	for d.More() {
		if _, err := d.Token(); err != nil {
			return 0, err
		}
		n++
	}
	_, err = d.Token()
	return n, err
}
