package storetest

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Request is what a server of this package was asked.
type Request struct {
	Method string
	Host   string
	Path   string // decoded
	Query  string
	Header http.Header
}

// An S3Server plays Amazon S3 for the buckets that it was given: objects as a whole and in parts, in path style. It asks for a
// signature, but does not check it.
type S3Server struct {
	URL string

	mu       sync.Mutex
	buckets  map[string]objects
	uploads  map[string]map[int]content
	requests []Request
	next     int
	// Refuse, if set, may answer a request before the server does, and then returns true.
	Refuse func(w http.ResponseWriter, r *http.Request) bool
	// Discard makes the server count what is stored, but forget it, for measurements. There is nothing to be read then but lists.
	Discard bool
}

// S3 starts a server with these buckets, for as long as the test runs.
func S3(t testing.TB, buckets ...string) *S3Server {
	s := &S3Server{buckets: map[string]objects{}, uploads: map[string]map[int]content{}}
	for _, b := range buckets {
		s.buckets[b] = objects{}
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Requests returns what the server was asked so far.
func (s *S3Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Keys returns the keys of a bucket, sorted.
func (s *S3Server) Keys(bucket string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sortedKeys(s.buckets[bucket])
}

// Uploads returns how many uploads in parts were begun and neither completed nor aborted.
func (s *S3Server) Uploads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.uploads)
}

// ServeHTTP answers a request.
func (s *S3Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Refuse != nil && s.Refuse(w, r) {
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, Request{r.Method, r.Host, r.URL.Path, r.URL.RawQuery, r.Header.Clone()})
	s.mu.Unlock()
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		s3Error(w, http.StatusForbidden, "AccessDenied")
		return
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	body, err := s.body(r)
	if err != nil {
		return // the client went away
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in, ok := s.buckets[bucket]
	switch {
	case !ok:
		s3Error(w, http.StatusNotFound, "NoSuchBucket")
	case key == "" && r.Method == http.MethodGet:
		listS3(w, r, bucket, in)
	case r.URL.Query().Has("uploads"), r.URL.Query().Has("uploadId"):
		s.parts(w, r, in, key, body)
	default:
		s.object(w, r, in, key, body)
	}
}

// content is a body, or its size alone.
type content struct {
	bytes []byte
	size  int64
}

func (s *S3Server) body(r *http.Request) (content, error) {
	if s.Discard && r.Method == http.MethodPut {
		n, err := io.Copy(io.Discard, r.Body)
		return content{size: n}, err
	}
	b, err := io.ReadAll(r.Body)
	return content{b, int64(len(b))}, err
}

func (s *S3Server) object(w http.ResponseWriter, r *http.Request, in objects, key string, body content) {
	switch r.Method {
	case http.MethodPut:
		in[key] = object{body.bytes, body.size, time.Now()}
		w.Header().Set("ETag", etag(body.bytes))
	case http.MethodDelete:
		delete(in, key)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet, http.MethodHead:
		o, ok := in[key]
		if !ok {
			s3Error(w, http.StatusNotFound, "NoSuchKey")
			return
		}
		w.Header().Set("Content-Length", strconv.FormatInt(o.size, 10))
		w.Header().Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", etag(o.content))
		if r.Method == http.MethodGet {
			_, _ = w.Write(o.content)
		}
	default:
		s3Error(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

// parts serves uploads in parts.
func (s *S3Server) parts(w http.ResponseWriter, r *http.Request, in objects, key string, body content) {
	id := r.URL.Query().Get("uploadId")
	parts, ok := s.uploads[id]
	switch {
	case r.Method == http.MethodPost && id == "":
		s.next++
		id = strconv.Itoa(s.next)
		s.uploads[id] = map[int]content{}
		fmt.Fprintf(w, `<InitiateMultipartUploadResult><Key>%s</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>`, escape(key), id)
	case !ok:
		s3Error(w, http.StatusNotFound, "NoSuchUpload")
	case r.Method == http.MethodPut:
		n, _ := strconv.Atoi(r.URL.Query().Get("partNumber"))
		parts[n] = body
		w.Header().Set("ETag", etag(body.bytes))
	case r.Method == http.MethodDelete:
		delete(s.uploads, id)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPost:
		var whole []byte
		var size int64
		for _, n := range sortedKeys(parts) {
			whole = append(whole, parts[n].bytes...)
			size += parts[n].size
		}
		delete(s.uploads, id)
		in[key] = object{whole, size, time.Now()}
		fmt.Fprintf(w, `<CompleteMultipartUploadResult><Key>%s</Key><ETag>%s</ETag></CompleteMultipartUploadResult>`, escape(key), etag(whole))
	}
}

// listS3 answers a list of the second version, with pages, a prefix and a delimiter.
func listS3(w http.ResponseWriter, r *http.Request, bucket string, in objects) {
	q := r.URL.Query()
	if q.Get("list-type") != "2" {
		s3Error(w, http.StatusNotImplemented, "NotImplemented")
		return
	}
	limit := 1000
	if n, err := strconv.Atoi(q.Get("max-keys")); err == nil {
		limit = min(limit, n)
	}
	p := in.page(q.Get("prefix"), q.Get("continuation-token"), q.Get("delimiter") == "/", limit)
	fmt.Fprintf(w, "<ListBucketResult><Name>%s</Name><IsTruncated>%t</IsTruncated>", bucket, p.next != "")
	if p.next != "" {
		fmt.Fprintf(w, "<NextContinuationToken>%s</NextContinuationToken>", escape(p.next))
	}
	for _, key := range p.keys {
		o := in[key]
		fmt.Fprintf(w, "<Contents><Key>%s</Key><LastModified>%s</LastModified><Size>%d</Size><ETag>%s</ETag></Contents>",
			escape(key), o.modified.UTC().Format("2006-01-02T15:04:05.000Z"), o.size, etag(o.content))
	}
	for _, folder := range p.folders {
		fmt.Fprintf(w, "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>", escape(folder))
	}
	fmt.Fprint(w, "</ListBucketResult>")
}

func s3Error(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>this is said about %s</Message></Error>", code, code)
}

func etag(b []byte) string {
	sum := md5.Sum(b)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder never fails
	return b.String()
}
