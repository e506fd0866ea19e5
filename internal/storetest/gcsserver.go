package storetest

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// gcsServer plays Google Cloud Storage for one bucket.
type gcsServer struct {
	mu      sync.Mutex
	bucket  string
	objects objects
	uploads map[string]*gcsUpload
}

// gcsUpload is an object that comes in chunks.
type gcsUpload struct {
	name    string
	content []byte
}

// GCS starts a server that speaks as much of the JSON interface of Google Cloud Storage as is needed, with one bucket, for as long as the
// test runs, and returns its URL. It lets everybody in.
func GCS(t testing.TB, bucket string) string {
	s := &gcsServer{bucket: bucket, objects: objects{}, uploads: map[string]*gcsUpload{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func (s *gcsServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, rest, _ := strings.Cut(r.URL.EscapedPath(), "/b/")
	bucket, rest, _ := strings.Cut(rest, "/o")
	name, err := url.PathUnescape(strings.TrimPrefix(rest, "/"))
	body, bodyErr := io.ReadAll(r.Body)
	if err != nil || bodyErr != nil {
		return // the client went away
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case bucket != s.bucket:
		gcsError(w, http.StatusNotFound, "The specified bucket does not exist.")
	case strings.HasPrefix(r.URL.Path, "/upload/"):
		s.upload(w, r, body)
	case name == "":
		s.list(w, r)
	default:
		s.object(w, r, name)
	}
}

func (s *gcsServer) object(w http.ResponseWriter, r *http.Request, name string) {
	o, ok := s.objects[name]
	switch {
	case !ok:
		gcsError(w, http.StatusNotFound, "No such object: "+name)
	case r.Method == http.MethodDelete:
		delete(s.objects, name)
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Query().Get("alt") == "media":
		w.Header().Set("Content-Length", strconv.Itoa(len(o.content)))
		w.Header().Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
		_, _ = w.Write(o.content)
	default:
		s.show(w, name)
	}
}

// upload takes an object in one piece with its description, or in chunks.
func (s *gcsServer) upload(w http.ResponseWriter, r *http.Request, body []byte) {
	q := r.URL.Query()
	var about struct{ Name string }
	u := s.uploads[q.Get("upload_id")]
	switch {
	case u != nil:
		s.chunk(w, r, u, body)
	case q.Get("uploadType") == "resumable":
		if err := json.Unmarshal(body, &about); err != nil {
			gcsError(w, http.StatusBadRequest, err.Error())
			return
		}
		id := strconv.Itoa(len(s.uploads) + 1)
		s.uploads[id] = &gcsUpload{name: about.Name}
		w.Header().Set("Location", "http://"+r.Host+r.URL.Path+"?upload_id="+id)
	default:
		content, err := parts(r.Header.Get("Content-Type"), body, &about)
		if err != nil {
			gcsError(w, http.StatusBadRequest, err.Error())
			return
		}
		s.objects.put(about.Name, content)
		s.show(w, about.Name)
	}
}

// chunk takes the next piece of an object. The last one tells the size of the whole.
func (s *gcsServer) chunk(w http.ResponseWriter, r *http.Request, u *gcsUpload, body []byte) {
	u.content = append(u.content, body...)
	if strings.HasSuffix(r.Header.Get("Content-Range"), "/*") {
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", len(u.content)-1))
		w.Header().Set("X-Http-Status-Code-Override", "308")
		return
	}
	s.objects.put(u.name, u.content)
	s.show(w, u.name)
}

// parts splits a body into the description of an object and its content.
func parts(contentType string, body []byte, about any) ([]byte, error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, err
	}
	m := multipart.NewReader(strings.NewReader(string(body)), params["boundary"])
	p, err := m.NextPart()
	if err != nil {
		return nil, err
	}
	if err := json.NewDecoder(p).Decode(about); err != nil {
		return nil, err
	}
	if p, err = m.NextPart(); err != nil {
		return nil, err
	}
	return io.ReadAll(p)
}

func (s *gcsServer) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := 1000
	if n, err := strconv.Atoi(q.Get("maxResults")); err == nil {
		limit = min(limit, n)
	}
	p := s.objects.page(q.Get("prefix"), q.Get("pageToken"), q.Get("delimiter") == "/", limit)
	items := []any{}
	for _, key := range p.keys {
		items = append(items, s.describe(key))
	}
	writeJSON(w, map[string]any{"kind": "storage#objects", "items": items, "prefixes": p.folders, "nextPageToken": p.next})
}

func (s *gcsServer) show(w http.ResponseWriter, name string) { writeJSON(w, s.describe(name)) }

func (s *gcsServer) describe(name string) any {
	o := s.objects[name]
	modified := o.modified.UTC().Format(time.RFC3339Nano)
	return map[string]any{
		"kind": "storage#object", "bucket": s.bucket, "name": name, "size": strconv.Itoa(len(o.content)), "generation": "1",
		"timeCreated": modified, "updated": modified,
	}
}

func gcsError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": status, "message": message}})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have gone away
}
