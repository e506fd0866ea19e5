package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/lictor-dr/lictor/internal/archive"
)

// files are the load on disk.
type files struct {
	archive     string // path
	archiveSize int64
	state       string // path of the same records, not packed
	stateSize   int64
}

// writeFiles writes the load as an archive and as bare records into dir.
func writeFiles(dir string, l load) (_ *files, err error) {
	f := &files{archive: filepath.Join(dir, "load.snap"), state: filepath.Join(dir, "load.state")}
	w, err := archive.NewWriter(dir)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	err = writeFile(f.state, func(bare io.Writer) error { return l.writeState(io.MultiWriter(bare, w)) })
	if err != nil {
		return nil, err
	}
	index := l.lastIndex()
	result, err := w.Finish(archive.Meta{
		Version: 1, ID: fmt.Sprintf("2-%d-1700000000000", index), Index: index, Term: 2, ConfigurationIndex: 1,
		Configuration: archive.Configuration{Servers: []archive.Server{{ID: "00000000-0000-4000-8000-000000000001", Address: "127.0.0.1:8300"}}},
	}, time.Unix(1_700_000_000, 0))
	if err != nil {
		return nil, err
	}
	f.archiveSize, f.stateSize = result.Bytes, result.StateSize
	return f, writeFile(f.archive, func(packed io.Writer) error {
		_, err := w.WriteTo(packed)
		return err
	})
}

func writeFile(path string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<18)
	if err := fill(w); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
