package blobstore_test

import (
	"io"
	"runtime"
	"testing"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/storetest"
)

// heapReader gives zeros and notes the largest heap that it sees.
type heapReader struct {
	left, sinceLook int64
	peak            uint64
}

func (r *heapReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), r.left))
	r.left -= int64(n)
	if r.sinceLook += int64(n); r.sinceLook >= 1<<20 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		r.peak, r.sinceLook = max(r.peak, m.HeapInuse), 0
	}
	return n, nil
}

// The agent may grow by 64 MiB, whatever the size of a backup, and it has more to do than this.
func TestMemoryOfAnUpload(t *testing.T) {
	quiet(t)
	const size, limit = 512 << 20, 48 << 20
	server := storetest.S3(t, "backups")
	server.Discard = true
	for name, s := range map[string]blobstore.Store{"S3": openS3(t, server, blobstore.S3Config{}), "directory": openDir(t, t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			r := &heapReader{left: size}
			if err := s.Put(t.Context(), "consul-1.snap", r, size); err != nil {
				t.Fatal(err)
			}
			if o, err := s.List(t.Context()); err != nil || len(o) != 1 || o[0].Size != size {
				t.Errorf("stored: %v, %v", o, err)
			}
			grown := int64(r.peak) - int64(before.HeapInuse)
			t.Logf("the heap grew by %.1f MiB", float64(grown)/(1<<20))
			if grown > limit {
				t.Errorf("an upload of %d MiB takes %d MiB of heap", size>>20, grown>>20)
			}
		})
	}
}
