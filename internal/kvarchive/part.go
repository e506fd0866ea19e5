package kvarchive

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// part is a document that is being written.
type part struct {
	spool    *spool
	sha      hash.Hash
	out      *bufio.Writer
	included bool
	begun    bool
	size     int64
}

func newPart(sp *spool) *part {
	p := &part{spool: sp, sha: sha256.New()}
	p.out = bufio.NewWriterSize(io.MultiWriter(sp, p.sha), 64<<10)
	return p
}

// put adds an entry. A bufio.Writer keeps its first error, so that the last is enough.
func (p *part) put(text []byte) error {
	p.included = true
	if p.begun {
		_ = p.out.WriteByte(',')
	} else {
		_ = p.out.WriteByte('[')
	}
	p.begun = true
	_, err := p.out.Write(text)
	return err
}

// end completes the document and returns its SHA-256.
func (p *part) end() (string, error) {
	switch {
	case p.begun:
		_ = p.out.WriteByte(']')
	case p.included:
		_, _ = p.out.WriteString("[]")
	default:
		_, _ = p.out.WriteString("null")
	}
	err := p.out.Flush()
	p.size = p.spool.n
	return hex.EncodeToString(p.sha.Sum(nil)), err
}

func (p *part) reader() io.Reader { return p.spool.section(0, p.size) }
