package snapstore

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

const (
	metaName  = "meta.json"
	stateName = "state.bin"
	tmpSuffix = ".tmp"
	retained  = 2
)

// CRCTable is the polynomial of the checksum in meta.json.
var CRCTable = crc64.MakeTable(crc64.ECMA)

// A Dir is a directory of snapshots.
type Dir struct {
	path string
	log  hclog.Logger
}

// fileMeta is what meta.json holds.
type fileMeta struct {
	raft.SnapshotMeta
	CRC []byte // big-endian
}

// OpenDir opens or makes the directory path, and removes what unfinished snapshots have left in it.
func OpenDir(path string, log hclog.Logger) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make snapshot directory: %w", err)
	}
	leftovers, err := filepath.Glob(filepath.Join(path, "*"+tmpSuffix))
	if err != nil {
		return nil, err
	}
	for _, dir := range leftovers {
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("remove unfinished snapshot: %w", err)
		}
	}
	return &Dir{path: path, log: log}, nil
}

// Empty tells whether there is no snapshot, not even one that cannot be read.
func (d *Dir) Empty() (bool, error) {
	entries, err := os.ReadDir(d.path)
	return len(entries) == 0, err
}

// List returns the metadata of all snapshots, newest first. One that cannot be read is logged and left out.
func (d *Dir) List() ([]*raft.SnapshotMeta, error) {
	metas, err := d.list()
	if err != nil {
		return nil, err
	}
	var list []*raft.SnapshotMeta
	for _, m := range metas[:min(retained, len(metas))] {
		list = append(list, &m.SnapshotMeta)
	}
	return list, nil
}

func (d *Dir) list() ([]*fileMeta, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var metas []*fileMeta
	for _, e := range entries {
		if !e.IsDir() || strings.HasSuffix(e.Name(), tmpSuffix) {
			continue
		}
		m, err := d.meta(e.Name())
		if err != nil {
			d.log.Error("snapshot left out: its metadata cannot be read", "id", e.Name(), "error", err)
			continue
		}
		metas = append(metas, m)
	}
	slices.SortFunc(metas, func(a, b *fileMeta) int {
		return cmp.Or(cmp.Compare(b.Term, a.Term), cmp.Compare(b.Index, a.Index), strings.Compare(b.ID, a.ID))
	})
	return metas, nil
}

func (d *Dir) meta(id string) (*fileMeta, error) {
	b, err := os.ReadFile(filepath.Join(d.path, id, metaName))
	if err != nil {
		return nil, err
	}
	m := new(fileMeta)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, err
	}
	if m.Version < raft.SnapshotVersionMin || m.Version > raft.SnapshotVersionMax {
		return nil, fmt.Errorf("unsupported snapshot version %d", m.Version)
	}
	return m, nil
}

// Open opens a snapshot. Its last bytes are read only once the checksum of all of them has been compared.
func (d *Dir) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	m, f, err := d.open(id)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	c := &checked{file: f, left: info.Size(), sound: make(chan error, 1)}
	again, err := os.Open(f.Name())
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	go func() {
		defer again.Close()
		c.sound <- d.compare(again, m, &c.closed)
	}()
	return &m.SnapshotMeta, c, nil
}

// Verify compares the checksum of a snapshot.
func (d *Dir) Verify(id string) error {
	m, f, err := d.open(id)
	if err != nil {
		return err
	}
	defer f.Close()
	return d.compare(f, m, new(atomic.Bool))
}

func (d *Dir) open(id string) (*fileMeta, *os.File, error) {
	m, err := d.meta(id)
	if err != nil {
		return nil, nil, fmt.Errorf("read metadata of snapshot %s: %w", id, err)
	}
	f, err := os.Open(filepath.Join(d.path, id, stateName))
	if err != nil {
		return nil, nil, err
	}
	return m, f, nil
}

// compare compares the checksum of f with m, until given is true: nobody wants to know any more.
func (d *Dir) compare(f *os.File, m *fileMeta, given *atomic.Bool) error {
	sum := crc64.New(CRCTable)
	_, err := io.CopyBuffer(struct{ io.Writer }{sum}, readerFunc(func(p []byte) (int, error) {
		if given.Load() {
			return 0, fs.ErrClosed
		}
		return f.Read(p)
	}), make([]byte, 1<<20))
	if got := sum.Sum(nil); err == nil && string(got) != string(m.CRC) {
		err = fmt.Errorf("checksum of %s does not match: %x on disk, %x in %s", stateName, got, m.CRC, metaName)
	}
	if err != nil {
		return fmt.Errorf("snapshot %s: %w", m.ID, err)
	}
	return nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// checked reads a snapshot while its checksum is compared, which holds the end of it back: whoever has read all has read what was written.
type checked struct {
	file     *os.File
	left     int64      // bytes that have not been read
	sound    chan error // what comparing has shown
	compared bool       // the same is in err
	err      error
	closed   atomic.Bool
}

// Read reads. Instead of the last bytes of a snapshot that is damaged it returns an error.
func (c *checked) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.file.Read(p)
	c.left -= int64(n)
	if !c.compared && (c.left <= 0 || err != nil) {
		c.compared = true
		if c.err = <-c.sound; c.err != nil {
			return 0, c.err
		}
	}
	return n, err
}

func (c *checked) Close() error {
	c.closed.Store(true)
	return c.file.Close()
}

// Create starts a new snapshot.
func (d *Dir) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, trans raft.Transport) (raft.SnapshotSink, error) {
	if version != raft.SnapshotVersionMax {
		return nil, fmt.Errorf("unsupported snapshot version %d", version)
	}
	id := fmt.Sprintf("%d-%d-%d", term, index, time.Now().UnixMilli())
	dir := filepath.Join(d.path, id+tmpSuffix)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make snapshot: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, stateName), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	sum := crc64.New(CRCTable)
	k := &dirSink{store: d, dir: dir, file: f, sum: sum, buf: bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<18)}
	k.meta = fileMeta{SnapshotMeta: raft.SnapshotMeta{
		Version: version, ID: id, Index: index, Term: term, Configuration: configuration, ConfigurationIndex: configurationIndex,
		Peers: peers(configuration, trans),
	}}
	return k, nil
}

// peers is the old form of the server list: the voters' addresses as a msgpack array.
func peers(configuration raft.Configuration, trans raft.Transport) []byte {
	if trans == nil {
		return nil
	}
	return EncodePeers(configuration)
}

// dirSink is a snapshot being written.
type dirSink struct {
	store *Dir
	dir   string // ends in tmpSuffix
	meta  fileMeta
	file  *os.File
	sum   hash.Hash64
	buf   *bufio.Writer
	err   error // of the first failed write
	done  bool
}

func (k *dirSink) ID() string { return k.meta.ID }

func (k *dirSink) Write(p []byte) (int, error) {
	n, err := k.buf.Write(p)
	k.meta.Size += int64(n)
	k.err = errors.Join(k.err, err)
	return n, err
}

// Cancel removes what has been written.
func (k *dirSink) Cancel() error {
	if k.done {
		return nil
	}
	k.done = true
	k.file.Close()
	return os.RemoveAll(k.dir)
}

// Close makes the snapshot durable and visible. If that fails, nothing of it stays.
func (k *dirSink) Close() error {
	if k.done {
		return nil
	}
	if err := k.commit(); err != nil {
		return errors.Join(fmt.Errorf("write snapshot %s: %w", k.meta.ID, err), k.Cancel())
	}
	k.done = true
	return k.store.reap()
}

func (k *dirSink) commit() error {
	if err := errors.Join(k.err, k.buf.Flush()); err != nil {
		return err
	}
	if err := k.file.Sync(); err != nil {
		return err
	}
	if err := k.file.Close(); err != nil {
		return err
	}
	k.meta.CRC = k.sum.Sum(nil)
	b, err := json.Marshal(k.meta)
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(k.dir, metaName), append(b, '\n')); err != nil {
		return err
	}
	if err := syncDir(k.dir); err != nil {
		return err
	}
	if err := os.Rename(k.dir, strings.TrimSuffix(k.dir, tmpSuffix)); err != nil {
		return err
	}
	return syncDir(k.store.path)
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// reap removes all but the newest snapshots.
func (d *Dir) reap() error {
	metas, err := d.list()
	if err != nil {
		return err
	}
	for _, m := range metas[min(retained, len(metas)):] {
		if err := os.RemoveAll(filepath.Join(d.path, m.ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove old snapshot: %w", err)
		}
	}
	return nil
}

var (
	_ raft.SnapshotStore = (*Dir)(nil)
	_ raft.SnapshotStore = (*Store)(nil)
)
