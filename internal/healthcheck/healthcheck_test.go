//go:build unix

package healthcheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lictor-dr/lictor/internal/definition"
)

type outcome struct{ status, output string }

// first runs a check until its first report.
func first(t *testing.T, def *definition.Check, o Options) outcome {
	t.Helper()
	if err := def.Validate(); err != nil {
		t.Fatal(err)
	}
	reports := make(chan outcome, 100)
	o.MinInterval = time.Millisecond
	p, err := NewPoller(def, o, func(status, output string) {
		select {
		case reports <- outcome{status, output}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	defer p.Stop()
	select {
	case got := <-reports:
		return got
	case <-time.After(20 * time.Second):
		t.Fatal("no report")
		return outcome{}
	}
}

func httpCheck(url string) *definition.Check {
	return &definition.Check{CheckID: "c", Name: "c", HTTP: url, Interval: time.Millisecond}
}

func TestHTTPStatuses(t *testing.T) {
	for code, want := range map[int]string{200: "passing", 204: "passing", 299: "passing", 429: "warning", 301: "critical", 400: "critical", 503: "critical"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
		def := httpCheck(server.URL)
		def.DisableRedirects = true
		if got := first(t, def, Options{}); got.status != want {
			t.Errorf("%d: got %+v, want %s", code, got, want)
		}
		server.Close()
	}
}

func TestHTTPRequestAndOutput(t *testing.T) {
	seen := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 10)
		n, _ := r.Body.Read(body)
		select {
		case seen <- fmt.Sprint(r.Method, r.Header["X-A"], r.Host, string(body[:n]), r.UserAgent()):
		default:
		}
		fmt.Fprint(w, "0123456789")
	}))
	defer server.Close()
	def := httpCheck(server.URL + "/health")
	def.Method, def.Body = "put", "hello"
	def.Header = map[string][]string{"x-a": {"1", "2"}, "Host": {"other"}, "User-Agent": {"mine"}}
	def.OutputMaxSize = 4
	got := first(t, def, Options{})
	if want := "HTTP PUT " + server.URL + "/health: 200 OK Output: 6789"; got.output != want || got.status != "passing" {
		t.Errorf("got %+v, want %q", got, want)
	}
	if got := <-seen; got != "PUT[1 2]otherhellomine" {
		t.Errorf("server saw %s", got)
	}
}

func TestHTTPRedirectsAreFollowedUnlessDisabled(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/end" {
			http.Redirect(w, r, "/end", http.StatusFound)
		}
	}))
	defer server.Close()
	def := httpCheck(server.URL)
	if got := first(t, def, Options{}); got.status != "passing" {
		t.Errorf("got %+v", got)
	}
	def.DisableRedirects = true
	if got := first(t, def, Options{}); got.status != "critical" || !strings.Contains(got.output, "302 Found") {
		t.Errorf("got %+v", got)
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	trusting := server.Client().Transport.(*http.Transport).TLSClientConfig
	agent := func(serverName string, skipVerify bool) *tls.Config {
		c := trusting.Clone()
		c.ServerName, c.InsecureSkipVerify = serverName, skipVerify
		return c
	}
	tcp := func() *definition.Check {
		return &definition.Check{CheckID: "c", Name: "c", TCP: strings.TrimPrefix(server.URL, "https://"), TCPUseTLS: true, Interval: time.Millisecond}
	}
	for name, def := range map[string]func() *definition.Check{"HTTP": func() *definition.Check { return httpCheck(server.URL) }, "TCP": tcp} {
		t.Run(name, func(t *testing.T) {
			if got := first(t, def(), Options{}); got.status != "critical" || !strings.Contains(got.output, "certificate") {
				t.Errorf("unknown CA: %+v", got)
			}
			skip := def()
			skip.TLSSkipVerify = true
			if got := first(t, skip, Options{}); got.status != "passing" {
				t.Errorf("without verification: %+v", got)
			}
			if got := first(t, def(), Options{TLS: agent}); got.status != "passing" {
				t.Errorf("agent's CA: %+v", got)
			}
			wrong := def()
			wrong.TLSServerName = "elsewhere.test"
			if got := first(t, wrong, Options{TLS: agent}); got.status != "critical" || !strings.Contains(got.output, "elsewhere.test") {
				t.Errorf("wrong name: %+v", got)
			}
		})
	}
}

func TestTCP(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address := strings.TrimPrefix(server.URL, "http://")
	def := &definition.Check{CheckID: "c", Name: "c", TCP: address, Interval: time.Millisecond}
	if got := first(t, def, Options{}); got != (outcome{"passing", "TCP connect " + address + ": Success"}) {
		t.Errorf("got %+v", got)
	}
	server.Close()
	if got := first(t, def, Options{}); got.status != "critical" || !strings.Contains(got.output, "refused") {
		t.Errorf("got %+v", got)
	}
}

func script(args ...string) *definition.Check {
	return &definition.Check{CheckID: "c", Name: "c", ScriptArgs: args, Interval: time.Millisecond}
}

func TestScripts(t *testing.T) {
	shell := script("echo", "$((1+1));", "exit 1")
	shell.Shell = "/bin/sh"
	long := script("sh", "-c", "printf 0123456789")
	long.OutputMaxSize = 4
	for name, tt := range map[string]struct {
		def  *definition.Check
		want outcome
	}{
		"passing":      {script("sh", "-c", "echo out; echo err >&2"), outcome{"passing", "out\nerr\n"}},
		"warning":      {script("sh", "-c", "echo w; exit 1"), outcome{"warning", "w\n"}},
		"critical":     {script("sh", "-c", "echo c; exit 2"), outcome{"critical", "c\n"}},
		"killed":       {script("sh", "-c", "kill -9 $$"), outcome{"critical", ""}},
		"shell":        {shell, outcome{"warning", "2\n"}},
		"tail":         {long, outcome{"passing", "Captured 4 of 10 bytes\n...\n6789"}},
		"left running": {script("sh", "-c", "sleep 30 & echo x"), outcome{"passing", "x\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := first(t, tt.def, Options{}); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	if got := first(t, script("/no/such/program"), Options{}); got.status != "critical" || !strings.Contains(got.output, "no such file") {
		t.Errorf("got %+v", got)
	}
}

func TestTimeoutKillsTheProcessGroup(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	def := script("sh", "-c", "sleep 300 & echo $! > "+pidFile+".new; mv "+pidFile+".new "+pidFile+"; wait")
	def.Timeout = 500 * time.Millisecond
	if got := first(t, def, Options{}); got != (outcome{"critical", "Timed out (500ms) running check"}) {
		t.Fatalf("got %+v", got)
	}
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Skip("the script did not get to its first line within its timeout")
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	deadline := time.After(20 * time.Second)
	for gone := false; !gone; {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		gone = syscall.Kill(pid, 0) != nil || err == nil && strings.Contains(string(stat), ") Z ") // nobody may be there to reap it
		select {
		case <-deadline:
			t.Fatal("the grandchild is still there")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestStopEndsARunningScript(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	p, err := NewPoller(script("sh", "-c", "touch "+started+"; sleep 300"), Options{MinInterval: time.Millisecond},
		func(string, string) { t.Error("reported after Stop") })
	if err != nil {
		t.Fatal(err)
	}
	p.interval = time.Millisecond
	p.Start()
	deadline := time.After(20 * time.Second)
	for {
		if _, err := os.Stat(started); err == nil {
			break
		}
		select {
		case <-deadline:
			t.Fatal("not started")
		case <-time.After(time.Millisecond):
		}
	}
	p.Stop()
}

func TestIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var runs []time.Duration
		p, err := NewPoller(&definition.Check{TCP: "x", Interval: time.Millisecond}, Options{}, func(string, string) {
			runs = append(runs, time.Since(began))
		})
		if err != nil {
			t.Fatal(err)
		}
		p.probe = func(context.Context) (string, string) { return "passing", "" }
		p.Start()
		<-time.After(10 * time.Second)
		p.Stop()
		if len(runs) != 10 || runs[0] >= time.Second || runs[1]-runs[0] != time.Second {
			t.Errorf("ran at %v", runs)
		}
	})
}

func TestThresholds(t *testing.T) {
	for name, tt := range map[string]struct {
		def      definition.Check
		in, want string // p, w, c; a dot is no report
	}{
		"none":               {definition.Check{}, "pwcp", "pwcp"},
		"success":            {definition.Check{SuccessBeforePassing: 3}, "cppcppp", "c..c..p"},
		"critical":           {definition.Check{FailuresBeforeCritical: 3}, "pcccpcc", "p..cp.."},
		"warning first":      {definition.Check{FailuresBeforeCritical: 3, FailuresBeforeWarning: 1}, "pcccc", "pwwcc"},
		"warning is success": {definition.Check{FailuresBeforeCritical: 2}, "cwcwcc", ".w.w.c"},
	} {
		t.Run(name, func(t *testing.T) {
			words := map[byte]string{'p': "passing", 'w': "warning", 'c': "critical"}
			var got []byte
			reported := ""
			f := newThresholds(&tt.def, func(status, _ string) { reported = status })
			for i := range len(tt.in) {
				reported = "."
				f.add(words[tt.in[i]], "")
				got = append(got, reported[0])
			}
			if string(got) != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reports := make(chan string, 10)
		ttl := NewTTL(10*time.Second, "before", func(status, output string) { reports <- status + " " + output })
		ttl.Start(3 * time.Second)
		<-time.After(2 * time.Second)
		ttl.Touch("fine")
		<-time.After(9 * time.Second)
		synctest.Wait()
		if len(reports) != 0 {
			t.Errorf("expired too early: %q", <-reports)
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		ttl.Touch("")
		<-time.After(11 * time.Second)
		ttl.Stop()
		want := []string{"critical TTL expired (last output before timeout follows): fine", "critical TTL expired"}
		if got := []string{<-reports, <-reports}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}

func TestTail(t *testing.T) {
	f := &tail{limit: 5}
	for _, s := range []string{"ab", "cdefgh", "", "i", "0123456789"} {
		fmt.Fprint(f, s)
	}
	if f.String() != "56789" || f.total != 19 {
		t.Errorf("got %q of %d", f, f.total)
	}
}

// Certificates that change while a check runs count from its next connection on.
func TestTLSIsAskedForAtEachConnection(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	trusting := server.Client().Transport.(*http.Transport).TLSClientConfig
	address := strings.TrimPrefix(server.URL, "https://")
	tcp := &definition.Check{CheckID: "c", Name: "c", TCP: address, TCPUseTLS: true, Interval: time.Millisecond}
	for name, def := range map[string]*definition.Check{"HTTP": httpCheck(server.URL), "TCP": tcp} {
		t.Run(name, func(t *testing.T) {
			asked, reports := 0, make(chan string)
			agent := func(string, bool) *tls.Config {
				if asked++; asked == 1 {
					return &tls.Config{RootCAs: x509.NewCertPool()}
				}
				return trusting.Clone()
			}
			p, err := NewPoller(def, Options{TLS: agent, MinInterval: time.Millisecond}, func(status, _ string) {
				reports <- status
			})
			if err != nil {
				t.Fatal(err)
			}
			p.Start()
			first, second := <-reports, <-reports
			go func() { // those that are still to be told
				for range reports {
				}
			}()
			p.Stop()
			close(reports)
			if first != "critical" || second != "passing" {
				t.Errorf("%s, then %s", first, second)
			}
		})
	}
}
