package history

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func client(timeout time.Duration) *Client {
	return &Client{ID: 7, Recorder: NewRecorder(), HTTP: &http.Client{Timeout: timeout, Transport: &http.Transport{}}}
}

// answering is a server that answers everything in the same way.
func answering(t *testing.T, status int, body string) Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return Server{"s1", s.URL}
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		status      int
		body        string
		write, read Outcome
	}{
		{200, "true", OK, Fail},
		{200, "false", OK, Fail},
		{200, "tru", Unknown, Fail},
		{404, "", Fail, OK},
		{413, "Request body too large", Fail, Fail},
		{429, "Your IP is issuing too many concurrent connections", Fail, Fail},
		{500, "No cluster leader", Fail, Fail},
		{500, "rpc error making call: No cluster leader", Fail, Fail},
		{500, "raft apply failed: node is not the leader", Fail, Fail},
		{500, "raft apply failed: invalid session \"S\"", Fail, Fail},
		{500, "raft apply failed: leadership lost while committing log", Unknown, Fail},
		{500, "No cluster leader: leadership lost while committing log", Unknown, Fail},
		{500, "raft is already shutdown", Unknown, Fail},
		{500, "rpc error making call: No cluster leader: EOF; what was asked for may have been done or not", Unknown, Fail},
		{500, "raft apply failed: write: no space left on device", Unknown, Fail},
		{502, "No cluster leader", Unknown, Fail},
		{200, `[{"Key":"other","Value":"eA==","ModifyIndex":5}]`, Unknown, Fail},
		{200, `[{"Key":"k","Value":"eA==","ModifyIndex":5}]`, Unknown, OK},
	} {
		t.Run(fmt.Sprint(c.status, " ", c.body), func(t *testing.T) {
			ctx, s, own := context.Background(), answering(t, c.status, c.body), client(limit)
			for _, o := range []Operation{
				own.Put(ctx, s, "k", "v"), own.CAS(ctx, s, "k", "w", 5), own.Acquire(ctx, s, "k", "S"), own.Release(ctx, s, "k", "S"), own.End(ctx, s, "k", "S"),
			} {
				if o.Outcome != c.write || o.Done != (c.body == "true") {
					t.Errorf("%v: outcome %s, want %s", o, o.Outcome, c.write)
				}
			}
			if o := own.Read(ctx, s, "k"); o.Outcome != c.read || (o.Index == 5) != (c.status == 200 && c.read == OK) {
				t.Errorf("%v, want %s", o, c.read)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	ctx, own := context.Background(), client(limit)
	gone := httptest.NewServer(nil)
	gone.Close()
	if o := own.Put(ctx, Server{"s1", gone.URL}, "k", "v"); o.Outcome != Fail {
		t.Errorf("nothing listens: %v", o)
	}
	breaks := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer breaks.Close()
	if o := own.Put(ctx, Server{"s1", breaks.URL}, "k", "v"); o.Outcome != Unknown {
		t.Errorf("the connection breaks: %v", o)
	}
	if o := own.Read(ctx, Server{"s1", breaks.URL}, "k"); o.Outcome != Fail {
		t.Errorf("the connection of a read breaks: %v", o)
	}
	hung := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hung }))
	defer hangs.Close()
	defer close(hung)
	if o := client(10*time.Millisecond).Put(ctx, Server{"s1", hangs.URL}, "k", "v"); o.Outcome != Unknown {
		t.Errorf("no answer in time: %v", o)
	}
}

func TestRequests(t *testing.T) {
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI())
		switch r.URL.Path {
		case "/v1/session/create":
			fmt.Fprint(w, `{"ID":"S"}`)
		default:
			fmt.Fprintf(w, `[{"Key":"a b","Value":%q,"ModifyIndex":9}]`, base64.StdEncoding.EncodeToString([]byte("value")))
		}
	}))
	defer s.Close()
	ctx, own, to := context.Background(), client(limit), Server{"s3", s.URL}
	own.Put(ctx, to, "a b", "v")
	own.CAS(ctx, to, "a b", "w", 12)
	own.Acquire(ctx, to, "lock", "S")
	own.Release(ctx, to, "lock", "S")
	own.End(ctx, to, "lock", "S")
	got := own.Read(ctx, to, "a b")
	own.DefaultRead(ctx, to, "a b")
	session, err := own.Session(ctx, to, "node")
	want := "[PUT /v1/kv/a%20b? PUT /v1/kv/a%20b?cas=12 PUT /v1/kv/lock?acquire=S PUT /v1/kv/lock?release=S PUT /v1/session/destroy/S " +
		"GET /v1/kv/a%20b?consistent GET /v1/kv/a%20b PUT /v1/session/create]"
	if fmt.Sprint(asked) != want || session != "S" || err != nil {
		t.Errorf("asked %v, session %q, %v", asked, session, err)
	}
	if got.Value != "value" || got.Index != 9 || got.Client != 7 || got.Server != "s3" || got.Return < got.Call {
		t.Errorf("recorded %+v", got)
	}
	if all := own.Recorder.Operations(); len(all) != 7 || all[5] != got {
		t.Errorf("recorded %v", all)
	}
}

func TestSnapshots(t *testing.T) {
	ctx, own := context.Background(), client(limit)
	for _, c := range []struct {
		status        int
		body          string
		save, restore Outcome
	}{
		{200, "archive", OK, OK},
		{500, "No cluster leader", Fail, Fail},
		{500, "timed out waiting to re-run leader actions", Fail, Unknown},
	} {
		s := answering(t, c.status, c.body)
		archive, saved := own.Save(ctx, s)
		restored := own.Restore(ctx, s, archive)
		if saved.Outcome != c.save || restored.Outcome != c.restore || (string(archive) == c.body) != (c.save == OK) {
			t.Errorf("%v, %q: %v %q, %v", c.status, c.body, saved, archive, restored)
		}
	}
}

func TestNoSession(t *testing.T) {
	if id, err := client(limit).Session(context.Background(), answering(t, 500, "No cluster leader"), "node"); err == nil {
		t.Errorf("session %q", id)
	}
}
