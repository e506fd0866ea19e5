package selective

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// A Target is a living datacenter, asked by its HTTP API.
type Target struct {
	// Config says how the agent is reached, as api.NewClient has completed it.
	Config *api.Config
	// Patience is how long a target may fail before it is given up: without a leader, or without an answer. The default is a minute.
	Patience time.Duration
	// Wait waits before something is tried again, for the n-th time from 1 on. The default waits longer each time, up to 5 seconds.
	Wait func(ctx context.Context, n int) error
}

// A Cluster is what names the cluster that a target is. What could not be found out is empty.
type Cluster struct {
	Datacenter  string
	Leader      string // address of its server
	Address     string // of the agent that was asked
	TrustDomain string // of its certificate authority, which no other cluster has; empty if it has none
}

// statusError is an answer that says no.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string {
	text := e.text
	if text == "" {
		text = http.StatusText(e.code)
	}
	return fmt.Sprintf("Unexpected response code: %d (%s)", e.code, text)
}

// status is the code of an answer that says no, 0 if there was no answer.
func status(err error) int {
	var s *statusError
	if errors.As(err, &s) {
		return s.code
	}
	return 0
}

// denied tells whether an error says that the token may not.
func denied(err error) bool {
	return status(err) == http.StatusForbidden || err != nil && strings.Contains(err.Error(), "ermission denied")
}

// transient tells whether what failed may succeed later. Consul answers 500 to what is wrong, too, but says then what that is.
func transient(err error) bool {
	var s *statusError
	var sending *url.Error
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return false
	case !errors.As(err, &s):
		return errors.As(err, &sending) || errors.Is(err, errBroken)
	case s.code == http.StatusInternalServerError:
		text := strings.ToLower(s.text)
		for _, word := range []string{"leader", "rpc error", "timeout", "timed out", "connection", "eof", "rate limit", "shutting down"} {
			if strings.Contains(text, word) {
				return true
			}
		}
		return text == ""
	}
	return s.code == http.StatusTooManyRequests || s.code > http.StatusInternalServerError
}

// errBroken is an answer that ended before its end.
var errBroken = errors.New("the answer broke off")

// errAnswer is an answer that cannot be understood.
var errAnswer = errors.New("the answer cannot be understood")

const defaultPatience = time.Minute

func (t *Target) patience() time.Duration {
	if t.Patience > 0 {
		return t.Patience
	}
	return defaultPatience
}

// wait waits before the n-th repetition.
func (t *Target) wait(ctx context.Context, n int) error {
	if t.Wait != nil {
		return t.Wait(ctx, n)
	}
	pause := min(100*time.Millisecond<<min(n, 6), 5*time.Second)
	timer := time.NewTimer(pause/2 + rand.N(pause/2+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// errGivenUp tells that something has been tried for long enough.
var errGivenUp = errors.New("given up")

// again does something until it succeeds, or fails for good, or the patience is at its end.
func (t *Target) again(ctx context.Context, retry func(error) bool, do func() error) error {
	began := time.Now()
	for n := 1; ; n++ {
		err := do()
		switch {
		case ctx.Err() != nil && err != nil:
			return context.Cause(ctx)
		case err == nil || !retry(err):
			return err
		case errors.Is(err, errGivenUp):
			return err
		case time.Since(began) > t.patience():
			return fmt.Errorf("%w after %s: %w", errGivenUp, time.Since(began).Round(time.Second), err)
		}
		if err := t.wait(ctx, n); err != nil {
			return err
		}
	}
}

// call sends a request and returns the answer if it is a yes, or of a code that is wanted beside.
func (t *Target) call(ctx context.Context, method, path string, params url.Values, body []byte, also ...int) (*http.Response, error) {
	req, err := t.request(ctx, method, path, params, body)
	if err != nil {
		return nil, err
	}
	resp, err := t.Config.HttpClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK || len(also) > 0 && resp.StatusCode == also[0] {
		return resp, nil
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // as much of the reason as there is
	_ = resp.Body.Close()                                    // it was only read
	return nil, &statusError{resp.StatusCode, strings.TrimSpace(string(text))}
}

// request makes a request as the API client would make it. The path is escaped.
func (t *Target) request(ctx context.Context, method, path string, params url.Values, body []byte) (*http.Request, error) {
	c := t.Config
	host := c.Address
	if strings.HasPrefix(host, "/") { // a Unix socket
		host = "localhost"
	}
	if params == nil {
		params = url.Values{}
	}
	for name, value := range map[string]string{"dc": c.Datacenter, "ns": c.Namespace, "partition": c.Partition} {
		if value != "" {
			params.Set(name, value)
		}
	}
	u := c.Scheme + "://" + host + c.PathPrefix + path
	if len(params) > 0 {
		u += "?" + params.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity") // compressing takes longer than sending
	if c.Token != "" {
		req.Header.Set("X-Consul-Token", c.Token)
	}
	if auth := c.HttpAuth; auth != nil {
		req.SetBasicAuth(auth.Username, auth.Password)
	}
	return req, nil
}

// filteredHeader tells that the token may not see all of what was asked for.
const filteredHeader = "X-Consul-Results-Filtered-By-ACLs"

// get reads an answer as JSON, consistently, and again while it fails for now. It tells whether something was left out for want of rights.
func (t *Target) get(ctx context.Context, path string, into any) (filtered bool, err error) {
	err = t.again(ctx, transient, func() error {
		resp, err := t.call(ctx, http.MethodGet, path, url.Values{"consistent": {""}}, nil)
		if err != nil {
			return err
		}
		filtered = resp.Header.Get(filteredHeader) != ""
		return decode(resp, into)
	})
	return filtered, err
}

// decode reads an answer to its end.
func decode(resp *http.Response, into any) error {
	defer func() { _ = resp.Body.Close() }() // it is only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	return nil
}

// ask finds out what cluster the target is. Only an agent that does not answer at all is an error.
func (t *Target) ask(ctx context.Context) (*Cluster, error) {
	c := &Cluster{Datacenter: t.Config.Datacenter, Address: t.Config.Scheme + "://" + t.Config.Address + t.Config.PathPrefix}
	resp, err := t.call(ctx, http.MethodGet, "/v1/status/leader", nil, nil)
	if err == nil {
		err = decode(resp, &c.Leader)
	}
	if err != nil && status(err) == 0 { // nobody is there: that is not waited for
		return nil, err
	}
	if c.Datacenter == "" {
		var self struct{ Config struct{ Datacenter string } }
		if _, err := t.get(ctx, "/v1/agent/self", &self); err == nil {
			c.Datacenter = self.Config.Datacenter
		}
	}
	if c.Datacenter == "" { // the token may not look at the agent; the nearest datacenter is its own
		var all []string
		if _, err := t.get(ctx, "/v1/catalog/datacenters", &all); err == nil && len(all) > 0 {
			c.Datacenter = all[0]
		}
	}
	var roots struct{ TrustDomain string }
	if _, err := t.get(ctx, "/v1/connect/ca/roots", &roots); err == nil {
		c.TrustDomain = roots.TrustDomain
	}
	if c.Leader == "" { // there was none yet when it was asked for; what came between has waited for one
		_, _ = t.get(ctx, "/v1/status/leader", &c.Leader) // which is for people alone
	}
	return c, context.Cause(ctx)
}

// grace is how long a write that is on its way may go on after an interrupt, so that it is known what came of it.
const grace = 3 * time.Second

// lingering is a context that ends a while after ctx.
func lingering(ctx context.Context) (context.Context, func()) {
	inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, func() { cancel(context.Cause(ctx)) }) })
	return inner, func() {
		stop()
		cancel(nil)
	}
}
