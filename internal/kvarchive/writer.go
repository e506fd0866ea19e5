package kvarchive

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/klauspost/pgzip"

	"github.com/lictor-dr/lictor/internal/record"
)

// Head is what an archive says of itself.
type Head struct {
	// Directory is the one directory in the archive, and must be the archive's base name without .tar.gz: the real tool's restore depends
	// on that. See ArchiveName.
	Directory string
	// NodeName is the Consul agent that is asked, or empty.
	NodeName string
	// Started is when the backup begins. Its seconds are in the names of the documents.
	Started time.Time
}

// Writer makes an archive. Documents are filled by Put methods, in any order, then comes Finish, and then the archive can be written out,
// as often as it is wanted. Until then the documents wait in scratch files. A Writer must be closed, and is for one goroutine.
//
// The documents of keys and of prepared queries are arrays, also if nothing is put into them. Those of ACLs are so only after Include or
// a Put; otherwise that of the legacy ACLs is null, as in the real tool's archives of Consul 1.11 and later, and there is none of today's.
type Writer struct {
	head     Head
	counts   Counts
	parts    [kinds]*part
	meta     []byte // nil until Finish
	ended    time.Time
	buf      []byte
	finished bool
}

var (
	errFinished   = errors.New("the archive is finished already")
	errUnfinished = errors.New("the archive is not finished yet")
)

// NewWriter makes a Writer whose scratch files are in dir, or in os.TempDir if dir is empty.
func NewWriter(dir string, head Head) (*Writer, error) {
	switch {
	case head.Directory == "", head.Directory == ".", head.Directory == "..", strings.ContainsAny(head.Directory, "/\\\x00"):
		return nil, fmt.Errorf("make an archive: %q cannot be the name of its directory", head.Directory)
	case head.Started.Unix() < 0:
		return nil, fmt.Errorf("make an archive: it cannot begin at %s", head.Started)
	}
	w := &Writer{head: head}
	for k := range kinds {
		sp, err := newSpool(dir)
		if err != nil {
			return nil, errors.Join(err, w.Close())
		}
		w.parts[k] = newPart(sp)
	}
	w.Include(Keys)
	w.Include(Queries)
	return w, nil
}

// Include says that a document was asked for, so that it is an empty array if nothing is put into it.
func (w *Writer) Include(k Kind) { w.parts[k].included = true }

// Counts tells how much was put.
func (w *Writer) Counts() Counts { return w.counts }

// PutKey adds a key. Consul lists keys in the order of their bytes, and so should whoever calls it.
func (w *Writer) PutKey(e *record.KVEntry) error {
	w.buf = appendKey(w.buf[:0], e)
	return w.put(Keys, &w.counts.Keys, w.buf, nil)
}

// PutQuery adds a prepared query.
func (w *Writer) PutQuery(q *record.PreparedQuery) error {
	text, err := formatQuery(q)
	return w.put(Queries, &w.counts.Queries, text, err)
}

// PutLegacyACL adds a legacy ACL.
func (w *Writer) PutLegacyACL(a *LegacyACL) error {
	text, err := json.Marshal(a)
	return w.put(LegacyACLs, &w.counts.LegacyACLs, text, err)
}

// PutACL adds a policy, a role or a token.
func (w *Writer) PutACL(a *ACL) error {
	if !a.one() {
		return errors.New("put an ACL: exactly one of policy, role and token must be given")
	}
	text, err := json.Marshal(a)
	return w.put(ACLs, w.counts.of(a), text, err)
}

func (w *Writer) put(k Kind, count *int, text []byte, err error) error {
	if w.finished {
		return errFinished
	}
	if err == nil {
		err = w.parts[k].put(text)
	}
	if err != nil {
		return fmt.Errorf("put into the document of the %s: %w", k, err)
	}
	*count++
	return nil
}

// Finish ends the documents. ended is when the backup was complete.
func (w *Writer) Finish(ended time.Time) error {
	if w.finished {
		return errFinished
	}
	w.finished, w.ended = true, ended
	meta := metadata{ConsulSnapshotVersion: FormatVersion, NodeName: w.head.NodeName, StartTime: w.head.Started.Unix(), EndTime: ended.Unix()}
	for k := range kinds {
		sum, err := w.parts[k].end()
		if err != nil {
			return fmt.Errorf("end the document of the %s: %w", k, err)
		}
		if k != ACLs || w.parts[k].included {
			*meta.sum(k) = sum
		}
	}
	var err error
	w.meta, err = json.Marshal(meta)
	return err
}

// Pack writes the archive to dst and returns its length. An error of dst is returned as it is.
func (w *Writer) Pack(ctx context.Context, dst io.Writer) (int64, error) {
	if w.meta == nil {
		return 0, errUnfinished
	}
	out := &counter{ctx: ctx, w: dst, most: -1}
	err := w.compress(out)
	return out.n, err
}

// PackSealed encrypts the archive with a passphrase, writes it to dst and returns its length. It holds the archive in memory, and
// refuses one of more than MaxSealed bytes, before anything is written.
func (w *Writer) PackSealed(ctx context.Context, dst io.Writer, passphrase string) (int64, error) {
	return w.packSealed(ctx, dst, passphrase, MaxSealed)
}

func (w *Writer) packSealed(ctx context.Context, dst io.Writer, passphrase string, most int64) (n int64, err error) {
	if w.meta == nil {
		return 0, errUnfinished
	}
	plain, err := newSpool(w.parts[Keys].spool.dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, plain.close()) }()
	if err := w.compress(&counter{ctx: ctx, w: plain, most: most - int64(sealHead) - tagSize}); err != nil {
		return 0, err
	}
	buf, err := newSealed(plain)
	if err != nil {
		return 0, err
	}
	sealed, err := seal(buf, passphrase)
	if err != nil {
		return 0, err
	}
	out := &counter{ctx: ctx, w: dst, most: -1}
	_, err = out.Write(sealed)
	return out.n, err
}

// blockSize is what one goroutine compresses at a time.
const blockSize = 256 << 10

// compress writes the plain archive.
func (w *Writer) compress(dst *counter) error {
	gz := pgzip.NewWriter(dst)
	err := gz.SetConcurrency(blockSize, min(runtime.GOMAXPROCS(0)+1, 8))
	if err == nil {
		err = w.members(tar.NewWriter(gz))
	}
	if closed := gz.Close(); err == nil {
		err = closed
	}
	if dst.err != nil { // which gz may have worded otherwise
		return dst.err
	}
	return err
}

// members writes the tar stream: what the real tool writes, then what it passes over.
func (w *Writer) members(tw *tar.Writer) error {
	if err := tw.WriteHeader(w.header("", tar.TypeDir, 0o755, 0)); err != nil {
		return fmt.Errorf("pack the archive's directory: %w", err)
	}
	for _, k := range []Kind{LegacyACLs, Keys, Queries} {
		if err := w.member(tw, k.file(w.head.Started.Unix()), w.parts[k].size, w.parts[k].reader()); err != nil {
			return err
		}
	}
	if err := w.member(tw, metaFile, int64(len(w.meta)), strings.NewReader(string(w.meta))); err != nil {
		return err
	}
	if p := w.parts[ACLs]; p.included {
		if err := w.member(tw, ACLs.file(w.head.Started.Unix()), p.size, p.reader()); err != nil {
			return err
		}
	}
	return tw.Close()
}

func (w *Writer) member(tw *tar.Writer, name string, size int64, r io.Reader) error {
	err := tw.WriteHeader(w.header("/"+name, tar.TypeReg, 0o644, size))
	if err == nil {
		_, err = io.Copy(tw, r)
	}
	if err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	return nil
}

func (w *Writer) header(name string, kind byte, mode, size int64) *tar.Header {
	return &tar.Header{Name: w.head.Directory + name, Typeflag: kind, Mode: mode, Size: size, ModTime: time.Unix(w.ended.Unix(), 0),
		Uname: "root", Gname: "root"}
}

// Close gives the scratch files back.
func (w *Writer) Close() error {
	var err error
	for _, p := range w.parts {
		if p != nil {
			err = errors.Join(err, p.spool.close())
		}
	}
	return err
}

// counter counts and bounds what is written, and stops when the context does. It keeps its first error.
type counter struct {
	ctx  context.Context
	w    io.Writer
	most int64 // or -1
	n    int64
	err  error
}

func (c *counter) Write(p []byte) (int, error) {
	switch {
	case c.err != nil:
		return 0, c.err
	case c.ctx.Err() != nil:
		c.err = fmt.Errorf("write the archive: %w", context.Cause(c.ctx))
		return 0, c.err
	case c.most >= 0 && c.n+int64(len(p)) > c.most:
		c.err = fmt.Errorf("the archive is too large to be encrypted: this format has one seal for all of it, for which it is held in "+
			"memory, and at most %d bytes are; write it without CRYPTO_PASSWORD, or encrypt it in the store", c.most)
		return 0, c.err
	}
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.err = err
	return n, err
}
