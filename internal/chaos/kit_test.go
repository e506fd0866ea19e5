//go:build heavy && linux

package chaos

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/history"
	"github.com/lictor-dr/lictor/internal/testproc"
)

// pretend makes a cluster of servers that are none.
func pretend(t *testing.T, handlers ...http.HandlerFunc) *cluster {
	t.Helper()
	c := &cluster{http: &http.Client{Timeout: askLimit}}
	for i, h := range handlers {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		c.servers = append(c.servers, &server{Server: history.Server{Name: fmt.Sprint("s", i+1), URL: s.URL}})
	}
	return c
}

// A server whose index goes back is found.
func TestIndexesThatGoBack(t *testing.T) {
	index := 100
	c := pretend(t, func(w http.ResponseWriter, _ *http.Request) {
		if index++; index > 105 {
			index = 50
		}
		w.Header().Set("X-Consul-Index", fmt.Sprint(index))
	})
	c.servers[0].runs = []*testproc.Process{testproc.Start(t, exec.Command("true"))}
	x := watchIndexes(c)
	err := testproc.Eventually(exitLimit, func() error {
		x.mu.Lock()
		defer x.mu.Unlock()
		if len(x.faults) == 0 {
			return fmt.Errorf("nothing was found")
		}
		return nil
	})
	if got := fmt.Sprint(x.stop()); err != nil || !strings.Contains(got, "the index of s1 went back from 105 to 50") {
		t.Errorf("%v: %s", err, got)
	}
}

func TestDifference(t *testing.T) {
	is := func(index, body string) answer {
		return answer{http.Header{"X-Consul-Index": {index}}, []byte(body)}
	}
	for _, c := range []struct {
		name string
		a, b answer
		want string
	}{
		{"none", is("7", `[{"Key":"a"}]`), is("7", `[{"Key":"a"}]`), "<nil>"},
		{"index", is("7", `[]`), is("8", `[]`), "X-Consul-Index is 7 and 8"},
		{"an entry more", is("7", `[]`), is("7", `[{"Key":"a"}]`), "0 and 1 entries, number 0 is not there and map[Key:a]"},
		{"a value", is("7", `[{"Value":"a"}]`), is("7", `[{"Value":"b"}]`), "number 0 is map[Value:a] and map[Value:b]"},
		{"no list", is("7", `[]`), is("7", `x`), "invalid character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fmt.Sprint(difference(c.a, c.b)); !strings.Contains(got, c.want) {
				t.Errorf("%s, want %q", got, c.want)
			}
		})
	}
}

func TestDuring(t *testing.T) {
	tr := &trial{faults: []span{{"x", 10 * time.Second, 20 * time.Second}}}
	for at, want := range map[time.Duration]bool{9 * time.Second: false, 10 * time.Second: true, 24 * time.Second: true, 26 * time.Second: false} {
		if tr.during(at) != want {
			t.Errorf("%v: %v", at, !want)
		}
	}
}
