package kvarchive

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/readahead"
)

// gzipMark is how gzip streams begin.
const gzipMark = "\x1f\x8b\x08"

// keysOnlyVersion stands for the versions that did not write one.
const keysOnlyVersion = "0.1"

// Options say how an archive is read.
type Options struct {
	// Passphrase of an encrypted archive. It is not used for others.
	Passphrase string
	// ScratchDir is where the documents wait, decompressed; os.TempDir if it is empty.
	ScratchDir string
}

// Open reads the archive in r to the end of r and checks all of it but the entries, see Archive.Verify. The Archive must be closed; r is
// not used afterwards. Damage is ErrCorrupt, ErrNothingSaved, ErrNoPassphrase or ErrWrongPassphrase; a failure of r is ErrRead.
func Open(ctx context.Context, r io.Reader, o Options) (*Archive, error) {
	return open(ctx, r, o, MaxSealed)
}

func open(ctx context.Context, r io.Reader, o Options, mostSealed int64) (*Archive, error) {
	sp, err := newSpool(o.ScratchDir)
	if err != nil {
		return nil, err
	}
	a := &Archive{spool: sp}
	in := &input{ctx: ctx, r: r, sha: sha256.New()}
	if err := a.read(bufio.NewReaderSize(in, 128<<10), o.Passphrase, mostSealed); err != nil {
		return nil, errors.Join(err, sp.close())
	}
	a.Size, a.SHA256 = in.size, hex.EncodeToString(in.sha.Sum(nil))
	return a, nil
}

// input marks the errors of the caller's reader, and ends when the context does. It measures what is read.
type input struct {
	ctx  context.Context
	r    io.Reader
	sha  hash.Hash
	size int64
}

func (in *input) Read(p []byte) (int, error) {
	if in.ctx.Err() != nil {
		return 0, &readError{context.Cause(in.ctx)}
	}
	n, err := in.r.Read(p)
	in.sha.Write(p[:n])
	in.size += int64(n)
	if err != nil && err != io.EOF {
		err = &readError{err}
	}
	return n, err
}

// read tells the forms of an archive apart by their first bytes.
func (a *Archive) read(br *bufio.Reader, passphrase string, mostSealed int64) error {
	start, err := br.Peek(len(sealMark))
	if err != nil && err != io.EOF {
		return err
	}
	if string(start) == sealMark {
		plain, err := unseal(br, passphrase, mostSealed, a.spool.dir)
		if err != nil {
			return err
		}
		a.Encrypted = true
		br = bufio.NewReader(bytes.NewReader(plain))
		start, _ = br.Peek(len(gzipMark))
	}
	switch {
	case len(start) == 0:
		return corrupt("the archive is empty: it has no bytes")
	case string(start) != gzipMark:
		return corrupt("this is no archive of consul-snapshot: those begin as gzip streams do, or with %q if they are encrypted", sealMark)
	}
	gz, err := gzip.NewReader(br)
	if err != nil {
		return explain(err)
	}
	ahead, err := readahead.NewReaderSize(&bounded{r: gz, left: maxUnpacked}, aheadBuffers, aheadSize)
	if err != nil {
		return err
	}
	defer func() { _ = ahead.Close() }() // it ends the goroutine, and has no error of its own
	return explain(a.readPlain(bufio.NewReader(ahead)))
}

// How far decompression goes ahead of who takes in what comes of it.
const (
	aheadBuffers = 4
	aheadSize    = 128 << 10
)

// readPlain reads what was compressed: a tar stream, or the array of keys alone.
func (a *Archive) readPlain(br *bufio.Reader) error {
	start, err := br.Peek(1)
	switch {
	case err == io.EOF:
		return corrupt("the archive is empty: nothing was compressed into it")
	case err != nil:
		return err
	case start[0] == '[', start[0] == 'n', start[0] == ' ', start[0] == '\n':
		if startsAsJSON(br) {
			return a.readKeysOnly(br)
		}
	}
	return a.readMembers(br)
}

// startsAsJSON tells an array of keys from a tar stream, which begins with the name of its first member and zeros behind that.
func startsAsJSON(br *bufio.Reader) bool {
	start, _ := br.Peek(512)
	return bytes.IndexByte(start, 0) < 0
}

// readKeysOnly reads an archive of 0.1.
func (a *Archive) readKeysOnly(r io.Reader) error {
	a.Version = keysOnlyVersion
	d, err := a.keep(r)
	if err != nil {
		return err
	}
	if d.Null {
		return ErrNothingSaved
	}
	d.Name = "the array of keys"
	a.documents[Keys] = *d
	return nil
}

// keep puts a document into the spool.
func (a *Archive) keep(r io.Reader) (*Document, error) {
	d := &Document{off: a.spool.n}
	sha := sha256.New()
	buf := make([]byte, 256<<10)
	for {
		n, err := r.Read(buf)
		sha.Write(buf[:n])
		if _, err := a.spool.Write(buf[:n]); err != nil {
			return nil, err
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	d.Size = a.spool.n - d.off
	d.SHA256 = hex.EncodeToString(sha.Sum(nil))
	var err error
	d.Null, err = d.isNull(a.spool)
	return d, err
}

func isNullText(text []byte) bool { return string(bytes.TrimSpace(text)) == "null" }

// bounded refuses streams that unpack without end.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, corrupt("the archive unpacks to more than %d GiB", int64(maxUnpacked)>>30)
	}
	return n, err
}

// quote prints a name from an archive, cut if it is absurdly long.
func quote(name string) string {
	const most = 128
	if len(name) > most {
		return fmt.Sprintf("%q...", name[:most])
	}
	return fmt.Sprintf("%q", name)
}
