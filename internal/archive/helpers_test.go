package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand"
	"runtime"
	"testing"
	"time"
)

// member is one tar member of a hand-made archive.
type member struct {
	name string
	data []byte
}

// packStd packs members with the standard library.
func packStd(t testing.TB, modTime time.Time, members ...member) []byte {
	t.Helper()
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	tw := tar.NewWriter(gz)
	for _, m := range members {
		must(t, tw.WriteHeader(&tar.Header{Name: m.name, Mode: 0o600, Size: int64(len(m.data)), ModTime: modTime}))
		_, err := tw.Write(m.data)
		must(t, err)
	}
	must(t, tw.Close())
	must(t, gz.Close())
	return buf.Bytes()
}

// unpackStd reads an archive with the standard library.
func unpackStd(t testing.TB, data []byte) (members []member, headers []*tar.Header) {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(data))
	must(t, err)
	tr := tar.NewReader(gz)
	for {
		hdr, err := tr.Next()
		if err == io.EOF {
			break
		}
		must(t, err)
		content, err := io.ReadAll(tr)
		must(t, err)
		members, headers = append(members, member{hdr.Name, content}), append(headers, hdr)
	}
	if n, err := io.Copy(io.Discard, gz); n != 0 || err != nil {
		t.Fatalf("%d bytes after the tar stream, %v", n, err)
	}
	return members, headers
}

// small makes a sound archive with the given state.bin.
func small(t testing.TB, state []byte) []byte {
	t.Helper()
	meta := fmt.Appendf(nil, `{"Version":1,"ID":"2-5-1","Index":5,"Term":2,"Size":%d}`, len(state))
	sums := fmt.Appendf(nil, "%x  meta.json\n%x  state.bin\n", sha256.Sum256(meta), sha256.Sum256(state))
	return packStd(t, time.Unix(1, 0), member{"meta.json", meta}, member{"state.bin", state}, member{"SHA256SUMS", sums})
}

// kvBytes makes n bytes that look like key/value records with values that compress somewhat.
func kvBytes(n int) []byte {
	rng := rand.New(rand.NewSource(7))
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "\x02\x87\xabCreateIndex\xcd\x04%c\xa5Flags\x00\xa3Key\xb8bench/%03d/key-%07d", i, i%1000, i)
		b.WriteString("\xa9LockIndex\x00\xabModifyIndex\xcd\x04\x05\xa7Session\xa0\xa5Value\xda\x02\x00")
		for range 16 {
			fmt.Fprintf(&b, "%016xservice-address:", rng.Uint64())
		}
	}
	return b.Bytes()[:n]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// checkGoroutines fails if more goroutines are left at the end of the test than there were at its beginning.
func checkGoroutines(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<16)
				t.Fatalf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
			}
		}
	})
}

// checkAllocated runs f and fails if it allocated more than limit bytes in all.
func checkAllocated(t *testing.T, limit uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > limit {
		t.Errorf("allocated %d bytes, at most %d expected", got, limit)
	}
}
