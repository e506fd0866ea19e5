package httpapi

import (
	"encoding/json"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/userevent"
)

type eventNode struct{}

func (eventNode) NodeName() string                 { return "n1" }
func (eventNode) ServiceTags() map[string][]string { return map[string][]string{"web": {"blue"}} }

func withEvents() (*fakeBackend, *Handler) {
	f := newFake()
	f.events = userevent.NewBuffer(eventNode{})
	return f, newHandler(f, Config{})
}

func eventsOf(t *testing.T, w *httptest.ResponseRecorder) (names []string) {
	t.Helper()
	var events []userevent.Event
	if err := json.Unmarshal(w.Body.Bytes(), &events); err != nil || events == nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	for _, e := range events {
		names = append(names, e.Name)
	}
	return names
}

func TestFiredEventsAreListed(t *testing.T) {
	_, h := withEvents()
	if w := ask(h, "GET", "/v1/event/list", ""); w.Body.String() != "[]" || w.Header().Get("X-Consul-Index") != "1" {
		t.Errorf("%s %v", w.Body, w.Header())
	}
	w := ask(h, "PUT", "/v1/event/fire/deploy?node=n&service=web&tag=blue", "payload")
	var fired userevent.Event
	if err := json.Unmarshal(w.Body.Bytes(), &fired); err != nil {
		t.Fatal(err)
	}
	want := userevent.Event{ID: fired.ID, Name: "deploy", Payload: []byte("payload"), NodeFilter: "n", ServiceFilter: "web", TagFilter: "blue", Version: 1}
	if fired.ID == "" || w.Body.String() != string(mustJSON(t, want)) {
		t.Errorf("got %s", w.Body)
	}
	ask(h, "PUT", "/v1/event/fire/elsewhere?node=other", "")
	w = ask(h, "GET", "/v1/event/list", "")
	index, err := userevent.Index(fired.ID)
	if err != nil {
		t.Fatal(err)
	}
	header := w.Header()
	if got := eventsOf(t, w); len(got) != 1 || header.Get("X-Consul-Index") != strconv.FormatUint(index, 10) || header.Get("X-Consul-KnownLeader") != "" {
		t.Errorf("%v %v", got, header)
	}
	if got := eventsOf(t, ask(h, "GET", "/v1/event/list?name=x", "")); len(got) != 0 {
		t.Errorf("events of another name: %v", got)
	}
}

func TestBadEvents(t *testing.T) {
	_, h := withEvents()
	for _, c := range []struct {
		name, method, target, body string
		status                     int
		want                       string
	}{
		{"no name", "PUT", "/v1/event/fire/", "", 400, "Missing name"},
		{"tag without service", "PUT", "/v1/event/fire/a?tag=x", "", 400, "A tag filter needs a service filter"},
		{"bad filter", "PUT", "/v1/event/fire/a?node=(", "", 400, "Invalid node filter: "},
		{"bad filter of a list", "GET", "/v1/event/list?service=(", "", 400, "Invalid service filter: "},
		{"too large for gossip", "PUT", "/v1/event/fire/a", strings.Repeat("x", userevent.MaxSize), 400, "Event too large: "},
		{"much too large", "PUT", "/v1/event/fire/a", strings.Repeat("x", maxEventPayload+1), 413, "Event too large: "},
		{"bad index", "GET", "/v1/event/list?index=x", "", 400, "Invalid index"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if w := ask(h, c.method, c.target, c.body); w.Code != c.status || !strings.HasPrefix(w.Body.String(), c.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

func TestEventRights(t *testing.T) {
	f, h := withEvents()
	ask(h, "PUT", "/v1/event/fire/secret", "")
	f.rights = map[string]*acl.Authorizer{"": acl.DenyAll()}
	if w := ask(h, "PUT", "/v1/event/fire/a", ""); w.Code != 403 || w.Body.String() != "Permission denied" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w := ask(h, "GET", "/v1/event/list", "")
	if got := eventsOf(t, w); len(got) != 0 || w.Header().Get("X-Consul-Results-Filtered-By-ACLs") != "true" {
		t.Errorf("%v %v", got, w.Header())
	}
}

func TestBlockedListOfEvents(t *testing.T) {
	for _, c := range []struct {
		name string
		wake func(h *Handler)
		want int
	}{
		{"event", func(h *Handler) { ask(h, "PUT", "/v1/event/fire/a", "") }, 1},
		{"stop", (*Handler).Close, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, h := withEvents()
			answer := make(chan *httptest.ResponseRecorder)
			go func() { answer <- ask(h, "GET", "/v1/event/list?index=1", "") }()
			for h.Traffic().Blocking == 0 {
				select {
				case w := <-answer:
					t.Fatalf("it does not block: %s", w.Body)
				default:
				}
			}
			c.wake(h)
			if got := eventsOf(t, <-answer); len(got) != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
	_, h := withEvents()
	if got := eventsOf(t, ask(h, "GET", "/v1/event/list?index=1&wait=1ms", "")); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}
