package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// A Server is one that is asked: its name in the history, and the URL of its HTTP API.
type Server struct{ Name, URL string }

// A Client sends requests; several goroutines may use it. How long a request may take is up to the context, or to the timeout of HTTP.
type Client struct {
	ID       int
	Recorder *Recorder
	HTTP     *http.Client
}

// Put writes a value, which no other operation may write.
func (c *Client) Put(ctx context.Context, s Server, key, value string) Operation {
	return c.write(ctx, s, Operation{Kind: Put, Key: key, Value: value}, nil)
}

// CAS writes a value if the key is at the index; 0 means that there is no such key.
func (c *Client) CAS(ctx context.Context, s Server, key, value string, index uint64) Operation {
	return c.write(ctx, s, Operation{Kind: CAS, Key: key, Value: value, Index: index}, url.Values{"cas": {strconv.FormatUint(index, 10)}})
}

// Acquire takes a lock for a session.
func (c *Client) Acquire(ctx context.Context, s Server, key, session string) Operation {
	return c.write(ctx, s, Operation{Kind: Acquire, Key: key, Session: session}, url.Values{"acquire": {session}})
}

// Release gives a lock back.
func (c *Client) Release(ctx context.Context, s Server, key, session string) Operation {
	return c.write(ctx, s, Operation{Kind: Release, Key: key, Session: session}, url.Values{"release": {session}})
}

// End destroys a session; key is the lock that it was used for.
func (c *Client) End(ctx context.Context, s Server, key, session string) Operation {
	return c.record(s, Operation{Kind: End, Key: key, Session: session}, func(op *Operation) {
		c.boolean(ctx, op, s.URL+"/v1/session/destroy/"+session)
	})
}

// Read reads a key consistently.
func (c *Client) Read(ctx context.Context, s Server, key string) Operation {
	return c.read(ctx, s, Operation{Kind: Read, Key: key}, "?consistent")
}

// DefaultRead reads a key as the leader has it.
func (c *Client) DefaultRead(ctx context.Context, s Server, key string) Operation {
	return c.read(ctx, s, Operation{Kind: DefaultRead, Key: key}, "")
}

// Save saves a snapshot, which is the one that Restore restores from then on.
func (c *Client) Save(ctx context.Context, s Server) (archive []byte, op Operation) {
	op = c.record(s, Operation{Kind: Save}, func(op *Operation) {
		a := c.send(ctx, http.MethodGet, s.URL+"/v1/snapshot", nil)
		if a.err != nil || a.status != http.StatusOK {
			op.Outcome, op.Error = Fail, a.text()
			return
		}
		archive, op.Outcome = a.body, OK
	})
	return archive, op
}

// Restore restores the snapshot that was saved last.
func (c *Client) Restore(ctx context.Context, s Server, archive []byte) Operation {
	return c.record(s, Operation{Kind: Restore}, func(op *Operation) {
		switch a := c.send(ctx, http.MethodPut, s.URL+"/v1/snapshot", archive); {
		case a.err == nil && a.status == http.StatusOK:
			op.Outcome = OK
		case a.notDone():
			op.Outcome, op.Error = Fail, a.text()
		default:
			op.Outcome, op.Error = Unknown, a.text()
		}
	})
}

// Session creates a session for one lock on a node that is registered. It is not part of the history.
func (c *Client) Session(ctx context.Context, s Server, node string) (string, error) {
	body, err := json.Marshal(map[string]any{"Node": node, "LockDelay": "0s", "NodeChecks": []string{}})
	if err != nil {
		return "", err
	}
	a := c.send(ctx, http.MethodPut, s.URL+"/v1/session/create", body)
	if a.err != nil || a.status != http.StatusOK {
		return "", errors.New("create a session: " + a.text())
	}
	var created struct{ ID string }
	err = json.Unmarshal(a.body, &created)
	return created.ID, err
}

func (c *Client) record(s Server, op Operation, act func(*Operation)) Operation {
	op.Client, op.Server = c.ID, s.Name
	return c.Recorder.do(op, act)
}

func (c *Client) write(ctx context.Context, s Server, op Operation, query url.Values) Operation {
	return c.record(s, op, func(op *Operation) {
		c.boolean(ctx, op, keyURL(s, op.Key)+"?"+query.Encode())
	})
}

func keyURL(s Server, key string) string {
	return s.URL + (&url.URL{Path: "/v1/kv/" + key}).EscapedPath()
}

// boolean sends what is answered with true or false.
func (c *Client) boolean(ctx context.Context, op *Operation, to string) {
	a := c.send(ctx, http.MethodPut, to, []byte(op.Value))
	switch text := string(bytes.TrimSpace(a.body)); {
	case a.err == nil && a.status == http.StatusOK && (text == "true" || text == "false"):
		op.Outcome, op.Done = OK, text == "true"
	case a.notDone():
		op.Outcome, op.Error = Fail, a.text()
	default:
		op.Outcome, op.Error = Unknown, a.text()
	}
}

func (c *Client) read(ctx context.Context, s Server, op Operation, query string) Operation {
	return c.record(s, op, func(op *Operation) {
		a := c.send(ctx, http.MethodGet, keyURL(s, op.Key)+query, nil)
		if err := op.found(a); err != nil {
			op.Outcome, op.Error = Fail, err.Error()
			return
		}
		op.Outcome = OK
	})
}

// found fills in what a read was answered.
func (op *Operation) found(a answer) error {
	if a.err == nil && a.status == http.StatusNotFound && len(a.body) == 0 {
		return nil
	}
	if a.err != nil || a.status != http.StatusOK {
		return errors.New(a.text())
	}
	var entries []struct {
		Key         string
		Value       []byte
		ModifyIndex uint64
	}
	if err := json.Unmarshal(a.body, &entries); err != nil {
		return fmt.Errorf("what is answered is no entry: %w", err)
	}
	if len(entries) != 1 || entries[0].Key != op.Key || entries[0].ModifyIndex == 0 {
		return fmt.Errorf("what is answered is not the entry of %s: %.200s", op.Key, a.body)
	}
	op.Value, op.Index = string(entries[0].Value), entries[0].ModifyIndex
	return nil
}

// An answer is a whole answer, or the error instead of it.
type answer struct {
	status int
	body   []byte
	sent   bool // there was a connection for the request
	err    error
}

func (a answer) text() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("status %d: %.300s", a.status, bytes.TrimSpace(a.body))
}

// notDone tells whether the operation has certainly not happened, and never will.
func (a answer) notDone() bool {
	if a.err != nil {
		return !a.sent
	}
	if a.status >= 400 && a.status < 500 {
		return true
	}
	text := string(a.body)
	if a.status != http.StatusInternalServerError || strings.Contains(text, "leadership lost") || strings.Contains(text, "may have been done") {
		return false
	}
	return slices.ContainsFunc([]string{"No cluster leader", "node is not the leader", invalidSession}, func(sure string) bool {
		return strings.Contains(text, sure)
	})
}

// invalidSession is in the answer of a server that does not know a session.
const invalidSession = "invalid session"

func (c *Client) send(ctx context.Context, method, to string, body []byte) (a answer) {
	var sent atomic.Bool
	defer func() { a.sent = sent.Load() }()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, body: b, err: err}
}
