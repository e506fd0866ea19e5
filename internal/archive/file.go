package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash/crc64"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// File is a snapshot on disk: an archive, or the raw state.bin of a server's data directory with its meta.json beside
// it.
type File struct {
	f    *os.File
	meta *Meta  // of a raw state.bin, else nil
	crc  []byte // CRC-64 of state.bin that a raw meta.json carries, nil if it has none
}

// OpenFile opens a snapshot. A file whose base name is state.bin in any case is a raw one; its meta.json is read at
// once, and if that fails, the error is a *RawMetaError. All other errors are those of os.Open.
func OpenFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(filepath.Base(path), nameState) {
		return &File{f: f}, nil
	}
	meta, crc, err := readRawMeta(filepath.Join(filepath.Dir(path), nameMeta))
	if err != nil {
		_ = f.Close()
		return nil, &RawMetaError{Err: err}
	}
	return &File{f: f, meta: meta, crc: crc}, nil
}

func readRawMeta(path string) (*Meta, []byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxSmallMember+1))
	if err != nil {
		return nil, nil, err
	}
	if len(data) > maxSmallMember {
		return nil, nil, corrupt(nameMeta, 0, "%s has more than %d bytes", path, maxSmallMember)
	}
	meta, err := decodeMeta(data)
	if err != nil {
		return nil, nil, corrupt(nameMeta, 0, "failed to decode snapshot metadata: %v", err)
	}
	var raw struct{ CRC []byte }
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, nil, corrupt(nameMeta, 0, "failed to decode snapshot metadata: %v", err)
	}
	return meta, raw.CRC, nil
}

// Raw says whether the file is a raw state.bin.
func (f *File) Raw() bool { return f.meta != nil }

// Read is the function Read for this file, from its beginning. Of a raw state.bin it verifies the CRC in meta.json, if
// there is one; Result.Bytes is the length of state.bin then. Like the function, it does not compare Meta.Size.
func (f *File) Read(state StateFunc) (*Result, error) {
	if _, err := f.f.Seek(0, io.SeekStart); err != nil {
		return nil, classify("", "", 0, &sourceError{err: err})
	}
	if !f.Raw() {
		return Read(f.f, state)
	}
	return f.readRaw(state)
}

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

func (f *File) readRaw(state StateFunc) (*Result, error) {
	src := &source{r: f.f}
	sha, crc := sha256.New(), crc64.New(crc64.MakeTable(crc64.ECMA))
	sr := newStateReader(src, io.MultiWriter(sha, crc), func(err error) error {
		return classify("failed to read or write snapshot data: ", nameState, src.n, err)
	})
	meta := *f.meta
	stateErr, err := sr.run(&meta, state)
	if err != nil {
		if stateErr != nil {
			return nil, stateErr
		}
		return nil, err
	}
	if sum := binary.BigEndian.AppendUint64(nil, crc.Sum64()); f.crc != nil && !bytes.Equal(sum, f.crc) {
		return nil, corrupt(nameState, sr.n, "hash check failed for %q (meta.json says CRC %x, its %d bytes give %x)",
			nameState, f.crc[:min(len(f.crc), 16)], sr.n, sum)
	}
	if stateErr != nil {
		return nil, stateErr
	}
	res := &Result{Meta: meta, StateSize: sr.n, Bytes: src.n}
	sha.Sum(res.StateSHA256[:0])
	return res, nil
}
