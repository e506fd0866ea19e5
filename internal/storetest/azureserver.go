package storetest

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// azureServer plays Azure Blob Storage for one container of one account.
type azureServer struct {
	mu        sync.Mutex
	container string // as in a path: account/container
	objects   objects
	blocks    map[string][]byte // by key and block ID
}

// Azure starts a server that speaks as much of Azure Blob Storage as is needed, with one container of an account, for as long as the test
// runs, and returns the URL of the account. It asks for a signature, but does not check it.
func Azure(t testing.TB, account, container string) string {
	s := &azureServer{container: account + "/" + container, objects: objects{}, blocks: map[string][]byte{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL + "/" + account
}

func (s *azureServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/")
	key, ok := strings.CutPrefix(path, s.container+"/")
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "SharedKey "):
		azureError(w, http.StatusForbidden, "AuthenticationFailed")
	case path == s.container:
		s.list(w, r)
	case !ok:
		azureError(w, http.StatusNotFound, "ContainerNotFound")
	case r.Method == http.MethodPut:
		s.put(w, r, key, body)
	default:
		s.object(w, r, key)
	}
}

// put takes a blob in one piece, or blocks and then their list.
func (s *azureServer) put(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	switch q := r.URL.Query(); q.Get("comp") {
	case "":
		s.objects.put(key, body)
	case "block":
		s.blocks[key+" "+q.Get("blockid")] = body
	case "blocklist":
		var list struct{ Latest []string }
		if err := xml.Unmarshal(body, &list); err != nil {
			azureError(w, http.StatusBadRequest, "InvalidXmlDocument")
			return
		}
		var whole []byte
		for _, id := range list.Latest {
			whole = append(whole, s.blocks[key+" "+id]...)
		}
		s.objects.put(key, whole)
	}
	w.WriteHeader(http.StatusCreated)
}

func (s *azureServer) object(w http.ResponseWriter, r *http.Request, key string) {
	o, ok := s.objects[key]
	switch {
	case !ok:
		azureError(w, http.StatusNotFound, "BlobNotFound")
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		w.WriteHeader(http.StatusAccepted)
	default:
		w.Header().Set("Content-Length", strconv.Itoa(len(o.content)))
		w.Header().Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", etag(o.content))
		w.Header().Set("x-ms-blob-type", "BlockBlob")
		if r.Method == http.MethodGet {
			_, _ = w.Write(o.content)
		}
	}
}

func (s *azureServer) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := 1000
	if n, err := strconv.Atoi(q.Get("maxresults")); err == nil {
		limit = min(limit, n)
	}
	p := s.objects.page(q.Get("prefix"), q.Get("marker"), q.Get("delimiter") == "/", limit)
	w.Header().Set("Content-Type", "application/xml")
	fmt.Fprint(w, "<EnumerationResults><Blobs>")
	for _, key := range p.keys {
		o := s.objects[key]
		fmt.Fprintf(w, "<Blob><Name>%s</Name><Properties><Last-Modified>%s</Last-Modified><Etag>%s</Etag><Content-Length>%d</Content-Length>"+
			"</Properties></Blob>", escape(key), o.modified.UTC().Format(http.TimeFormat), etag(o.content), len(o.content))
	}
	for _, folder := range p.folders {
		fmt.Fprintf(w, "<BlobPrefix><Name>%s</Name></BlobPrefix>", escape(folder))
	}
	fmt.Fprintf(w, "</Blobs><NextMarker>%s</NextMarker></EnumerationResults>", escape(p.next))
}

func azureError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("x-ms-error-code", code)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>this is said about %s</Message></Error>", code, code)
}
