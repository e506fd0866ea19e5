package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

const benchKeys = 20_000

// benchArchive is an archive with 20,000 keys of 512 bytes that are neither random nor all the same, and how long its records are.
func benchArchive(b *testing.B) (packed []byte, size int64) {
	b.Helper()
	w, err := archive.NewWriter(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	stream := record.AppendHeader(nil, record.Header{LastIndex: benchKeys})
	for i := range benchKeys {
		value := fmt.Appendf(nil, "id=%x ", uint64(i+1)*0x9e3779b97f4a7c15)
		for j := 0; len(value) < 512; j++ {
			value = fmt.Appendf(value, "setting-%d=%d,", j, (i*31+j*7919)%1000)
		}
		e := &record.KVEntry{Key: fmt.Sprintf("bench/%03d/key-%07d", i/1000, i), Value: value[:512], CreateIndex: uint64(i + 1), ModifyIndex: uint64(i + 1)}
		if stream, err = record.Append(stream, e); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := w.Write(stream); err != nil {
		b.Fatal(err)
	}
	if _, err := w.Finish(archive.Meta{Version: 1, ID: "2-20000-1", Index: benchKeys, Term: 2}, time.Unix(1, 0)); err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := w.WriteTo(&out); err != nil {
		b.Fatal(err)
	}
	return out.Bytes(), int64(len(stream))
}

// benchServer is a server in memory that holds the archive.
func benchServer(b *testing.B, dir string, packed []byte) *Server {
	b.Helper()
	c := testConfig(dir)
	if dir == "" {
		c.Scratch = filepath.Join(b.TempDir(), "scratch")
	}
	s := start(b, c)
	b.Cleanup(func() { closeServer(b, s) })
	if err := s.Restore(context.Background(), bytes.NewReader(packed), nil); err != nil {
		b.Fatal(err)
	}
	return s
}

func BenchmarkSave(b *testing.B) {
	packed, size := benchArchive(b)
	s := benchServer(b, "", packed)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		saved, err := s.Save(context.Background(), false)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := saved.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
		if err := saved.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkRestore(b *testing.B, dir string) {
	packed, size := benchArchive(b)
	s := benchServer(b, dir, packed)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Restore(context.Background(), bytes.NewReader(packed), nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRestore(b *testing.B) { benchmarkRestore(b, "") }

// BenchmarkRestoreDisk includes the syncs that make it durable.
func BenchmarkRestoreDisk(b *testing.B) { benchmarkRestore(b, b.TempDir()) }

// BenchmarkStage is the part of a restore before Raft hears of it: read, check, spool and build.
func BenchmarkStage(b *testing.B) {
	packed, size := benchArchive(b)
	dir := b.TempDir()
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		st, err := stage(context.Background(), dir, bytes.NewReader(packed), nil)
		if err != nil {
			b.Fatal(err)
		}
		st.discard()
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		b.Fatal(left, err)
	}
}

// BenchmarkWrite writes through Raft to disk, by many writers at once.
func BenchmarkWrite(b *testing.B) {
	c := testConfig(b.TempDir())
	s := start(b, c)
	b.Cleanup(func() { closeServer(b, s) })
	value := bytes.Repeat([]byte("0123456789abcdef"), 32)
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			e := &record.KVEntry{Key: fmt.Sprintf("bench/%d", i%1000), Value: value, Flags: uint64(i)}
			if _, err := s.ApplyKV(context.Background(), state.KVSet, e); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkStart starts a server whose log has 50,000 entries that no snapshot covers.
func BenchmarkStart(b *testing.B) {
	c := testConfig(b.TempDir())
	c.SnapshotInterval = time.Hour
	s := start(b, c)
	value := bytes.Repeat([]byte("0123456789abcdef"), 32)
	var next atomic.Int64
	var writers sync.WaitGroup
	for range 64 {
		writers.Go(func() {
			for i := next.Add(1); i <= 50_000; i = next.Add(1) {
				if _, err := s.ApplyKV(context.Background(), state.KVSet, &record.KVEntry{Key: fmt.Sprint("bench/", i), Value: value}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	for b.Loop() {
		closeServer(b, s)
		s = start(b, c)
	}
	closeServer(b, s)
}
