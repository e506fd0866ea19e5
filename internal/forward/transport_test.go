package forward

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

func dial(ctx context.Context, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

func transport(t *testing.T, dial func(context.Context, string) (net.Conn, error)) *Transport {
	t.Helper()
	transport := NewTransport(dial)
	t.Cleanup(transport.Close)
	return transport
}

// listen opens a free port.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serve answers what is forwarded, and returns the address.
func serve(t *testing.T, handler http.HandlerFunc) (string, *http.Server) {
	t.Helper()
	l := listen(t)
	s := NewServer(handler, 0, hclog.NewNullLogger())
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().String(), s
}

func request(t *testing.T, method, target string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// What is sent arrives as it is, with who sends it and for whom; the sender's own words for that do not count.
func TestSend(t *testing.T) {
	type seen struct {
		method, uri, token, body string
		mark                     Mark
	}
	for _, c := range []struct {
		name    string
		mark    Mark
		headers map[string]string
		token   string
	}{
		{"a client", Mark{Node: "n1", Datacenter: "dc1", Client: "10.0.0.9:1234"}, nil, ""},
		{"the agent itself", Mark{Node: "n1", Datacenter: "dc1"}, nil, ""},
		{"IPv6", Mark{Node: "n1", Client: "[fe80::1%eth0]:80"}, nil, ""},
		{"between datacenters", Mark{Node: "n1", Datacenter: "dc1", Client: "10.0.0.9:1", Between: true, TranslateAddrs: true}, nil, ""},
		{"a client that signs itself", Mark{Node: "n1", Datacenter: "dc1", Client: "10.0.0.9:1"}, map[string]string{headerNode: "n9",
			headerDatacenter: "dc9", headerClient: "127.0.0.1:1", headerBetween: "1", headerTranslate: "1", "X-Consul-Token": "t"}, "t"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := make(chan seen, 1)
			address, _ := serve(t, func(w http.ResponseWriter, req *http.Request) {
				body, _ := io.ReadAll(req.Body)
				m := Of(req.Context())
				if req.RemoteAddr != m.Client {
					t.Errorf("the request comes from %q, and its mark says %q", req.RemoteAddr, m.Client)
				}
				got <- seen{req.Method, req.RequestURI, req.Header.Get("X-Consul-Token"), string(body), *m}
				w.Header().Set("X-Consul-Index", "7")
				w.WriteHeader(http.StatusTeapot)
				io.WriteString(w, "short and stout")
			})
			req := request(t, "PUT", "/v1/kv/a%2Fb%20c?flags=1&x=%00", strings.NewReader("body"))
			for name, value := range c.headers {
				req.Header.Set(name, value)
			}
			resp, err := transport(t, dial).Send(req, address, c.mark)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusTeapot || resp.Header.Get("X-Consul-Index") != "7" || string(body) != "short and stout" {
				t.Errorf("%d %v %s %v", resp.StatusCode, resp.Header, body, err)
			}
			want := seen{"PUT", "/v1/kv/a%2Fb%20c?flags=1&x=%00", c.token, "body", c.mark}
			if got := <-got; got != want {
				t.Errorf("arrived: %+v, want %+v", got, want)
			}
		})
	}
}

// Only what comes over the server port is marked.
func TestMarkIsNotAHeader(t *testing.T) {
	req := request(t, "GET", "/", nil)
	req.Header.Set(headerNode, "n1")
	if Of(req.Context()) != nil {
		t.Error("a header marks a request")
	}
}

// A failure tells whether the request may have arrived.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name   string
		server func(*testing.T) (address string)
		dial   func(context.Context, string) (net.Conn, error)
		unsent bool
		either bool // it depends on who is faster, and both are true then
	}{
		{"nobody listens", func(t *testing.T) string {
			l := listen(t)
			l.Close()
			return l.Addr().String()
		}, dial, true, false},
		{"no connection", func(*testing.T) string { return "127.0.0.1:1" },
			func(context.Context, string) (net.Conn, error) { return nil, errors.New("no") }, true, false},
		{"the connection is refused once it stands", func(t *testing.T) string {
			l := listen(t)
			go func() {
				for c, err := l.Accept(); err == nil; c, err = l.Accept() {
					io.ReadAtLeast(c, make([]byte, 100), 100) // what was asked, in part
					c.Close()
				}
			}()
			return l.Addr().String()
		}, dial, false, false},
		{"no answer", func(t *testing.T) string {
			address, _ := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			return address
		}, dial, false, false},
		{"another protocol", func(t *testing.T) string {
			l := listen(t)
			s := &http.Server{}
			go s.Serve(l)
			t.Cleanup(func() { s.Close() })
			return l.Addr().String()
		}, dial, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := c.server(t)
			resp, err := transport(t, c.dial).Send(request(t, "PUT", "/v1/kv/x", strings.NewReader("1")), address, Mark{})
			if err == nil {
				resp.Body.Close()
				t.Fatalf("answered: %d", resp.StatusCode)
			}
			if Unsent(err) != c.unsent && !c.either || !strings.Contains(err.Error(), address) {
				t.Errorf("unsent is %t: %v", Unsent(err), err)
			}
		})
	}
}

// silenced is a connection on which, once that is wished, nothing goes through any more and nobody is told.
type silenced struct {
	net.Conn
	now <-chan struct{}
}

func (s silenced) silent() bool {
	select {
	case <-s.now:
		return true
	default:
		return false
	}
}

func (s silenced) Write(b []byte) (int, error) {
	if s.silent() {
		return len(b), nil
	}
	return s.Conn.Write(b)
}

func (s silenced) Read(b []byte) (int, error) {
	for {
		n, err := s.Conn.Read(b)
		if err != nil || !s.silent() {
			return n, err
		}
	}
}

// A server that has fallen silent is given up, however long its answer may take, and the next request gets a connection of its own.
func TestSilentServerIsGivenUp(t *testing.T) {
	silence, arrived := make(chan struct{}), make(chan struct{}, 2)
	address, _ := serve(t, func(_ http.ResponseWriter, req *http.Request) {
		arrived <- struct{}{}
		<-req.Context().Done()
	})
	var first sync.Once
	tr := transport(t, func(ctx context.Context, address string) (net.Conn, error) {
		c, err := dial(ctx, address)
		first.Do(func() { c = silenced{c, silence} })
		return c, err
	})
	failed := make(chan error, 1)
	go func() {
		_, err := tr.Send(request(t, "GET", "/v1/kv/x?index=1&wait=10m", nil), address, Mark{})
		failed <- err
	}()
	<-arrived
	close(silence)
	select {
	case err := <-failed:
		if err == nil || Unsent(err) {
			t.Errorf("%v", err)
		}
	case <-time.After(4 * (pingAfter + pingTimeout)):
		t.Fatal("a silent server is waited for")
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := tr.Send(request(t, "GET", "/", nil).WithContext(ctx), address, Mark{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Requests share a connection, and a slow one holds nobody up; a body of any size goes both ways at once.
func TestConnectionIsShared(t *testing.T) {
	release := make(chan struct{})
	address, _ := serve(t, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/slow" {
			<-release
		}
		io.Copy(w, req.Body)
	})
	var mu sync.Mutex
	dials := 0
	tr := transport(t, func(ctx context.Context, address string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		dials++
		return dial(ctx, address)
	})
	echo := func(target string, body []byte) {
		resp, err := tr.Send(request(t, "PUT", target, bytes.NewReader(body)), address, Mark{})
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		if b, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(b, body) {
			t.Errorf("%s: %d bytes of %d: %v", target, len(b), len(body), err)
		}
	}
	echo("/first", nil)
	var slow, fast sync.WaitGroup
	for range 20 {
		slow.Go(func() { echo("/slow", []byte("x")) })
		fast.Go(func() { echo("/fast", bytes.Repeat([]byte("0123456789abcdef"), 1<<14)) })
	}
	fast.Wait()
	close(release)
	slow.Wait()
	if dials != 1 {
		t.Errorf("%d connections", dials)
	}
}

// A server that stops answers what it has begun; what comes after it has closed its listener has certainly not arrived.
func TestServerStops(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	address, s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		io.WriteString(w, "done")
	})
	tr := transport(t, dial)
	answered := make(chan error, 1)
	go func() {
		resp, err := tr.Send(request(t, "PUT", "/", strings.NewReader("x")), address, Mark{})
		if err == nil {
			var b []byte
			if b, err = io.ReadAll(resp.Body); string(b) != "done" {
				err = errors.Join(err, errors.New("cut short"))
			}
			resp.Body.Close()
		}
		answered <- err
	}()
	<-arrived
	stopped := make(chan error, 1)
	s.RegisterOnShutdown(func() { close(release) })
	go func() { stopped <- s.Shutdown(context.Background()) }()
	if err := errors.Join(<-answered, <-stopped); err != nil {
		t.Error(err)
	}
	if _, err := tr.Send(request(t, "PUT", "/", strings.NewReader("x")), address, Mark{}); !Unsent(err) {
		t.Errorf("after the end: %v", err)
	}
}

// Who does not lead says so, and who does if that is known. The same from anybody else has no meaning.
func TestNotLeader(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		leader  string
		reason  string
		ok      bool
	}{
		{"with a leader", func(w http.ResponseWriter, _ *http.Request) { AnswerNotLeader(w, "10.0.0.1:8300", "") }, "10.0.0.1:8300", "", true},
		{"without", func(w http.ResponseWriter, _ *http.Request) { AnswerNotLeader(w, "", "for a reason") }, "", "for a reason", true},
		{"with a long reason", func(w http.ResponseWriter, _ *http.Request) { AnswerNotLeader(w, "", strings.Repeat("x", 5000)) }, "", strings.Repeat("x", maxReason), true},
		{"the status alone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMisdirectedRequest) }, "", "", false},
		{"the header alone", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(headerNotLeader, "x") }, "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, _ := serve(t, c.handler)
			resp, err := transport(t, dial).Send(request(t, "PUT", "/", nil), address, Mark{})
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if leader, reason, ok := NotLeader(resp); leader != c.leader || reason != c.reason || ok != c.ok {
				t.Errorf("%q %q %t", leader, reason, ok)
			}
		})
	}
}

// Whatever a sender says of its client, a request without a valid address gets none that somebody else has.
func FuzzMark(f *testing.F) {
	f.Add("n1", "10.0.0.1:1")
	f.Add("", "")
	f.Add("n\x00", "[::1]:99999")
	f.Fuzz(func(t *testing.T, node, client string) {
		req, err := http.NewRequest("GET", "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.RemoteAddr = "192.0.2.1:1"
		req.Header[headerNode], req.Header[headerClient] = []string{node}, []string{client}
		marked(http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) {
			if Of(got.Context()) == nil || Of(got.Context()).Node != node {
				t.Errorf("%+v", Of(got.Context()))
			}
			if got.RemoteAddr != client && got.RemoteAddr != "192.0.2.1:1" {
				t.Errorf("the client is %q", got.RemoteAddr)
			}
		})).ServeHTTP(nil, req)
	})
}
