package snapshotagent

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/lictor-dr/lictor/internal/blobstore"
	"github.com/lictor-dr/lictor/internal/drill"
	"github.com/lictor-dr/lictor/internal/inventory"
)

// A moment is when a tamper strikes, in the order in which a backup comes by.
type moment int

const (
	onDisk     moment = iota + 1 // the scratch file, before it is uploaded
	inUpload                     // what is uploaded
	atRest                       // the object, once it is uploaded
	onDiskLate                   // the scratch file, once it is uploaded
	onReading                    // what is read back
	inCopy                       // the file that is rebuilt
	inCodec                      // what the engine makes of it
)

// A tamper changes archives at a moment, once or always.
type tamper struct {
	moment moment
	once   bool
	change func([]byte) []byte

	mu     sync.Mutex // guards what follows
	hits   int        // how often it changed anything
	left   []byte     // what it made of the first
	healed bool
}

// strike changes b if this is the moment.
func (m *tamper) strike(at moment, b []byte) []byte {
	if m == nil || m.moment != at || m.healed {
		return b
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.once && m.hits > 0 {
		return b
	}
	changed := m.change(bytes.Clone(b))
	if !bytes.Equal(changed, b) {
		if m.hits++; m.hits == 1 {
			m.left = changed
		}
	}
	return changed
}

// strikeFile changes a file in place: whoever has it open sees it.
func (m *tamper) strikeFile(at moment, path string) error {
	if m == nil || m.moment != at {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if changed := m.strike(at, b); !bytes.Equal(changed, b) {
		return os.WriteFile(path, changed, 0o600)
	}
	return nil
}

// tampered is a store in which archives are tampered with.
type tampered struct {
	blobstore.Store
	with    *tamper
	scratch string // path of the file that was uploaded last
}

func (s *tampered) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if _, ok := inventory.ParseArchiveName(name); !ok {
		return s.Store.Put(ctx, name, r, size)
	}
	if f, ok := r.(*os.File); ok {
		s.scratch = f.Name()
		if err := s.with.strikeFile(onDisk, f.Name()); err != nil {
			return err
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	b = s.with.strike(inUpload, b)
	if err := s.Store.Put(ctx, name, bytes.NewReader(b), int64(len(b))); err != nil {
		return err
	}
	if rotten := s.with.strike(atRest, b); !bytes.Equal(rotten, b) {
		return s.Store.Put(ctx, name, bytes.NewReader(rotten), int64(len(rotten)))
	}
	return nil
}

func (s *tampered) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := s.Store.Get(ctx, name)
	if _, ok := inventory.ParseArchiveName(name); err != nil || !ok {
		return r, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err := s.with.strikeFile(onDiskLate, s.scratch); err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(s.with.strike(onReading, b))), err
}

// witness is a store that keeps what the agent was first given of the archive that it had just stored, and looks at each commit.
type witness struct {
	blobstore.Store
	commits func(*inventory.Entry) // is called once an entry is there, before the agent knows

	mu    sync.Mutex // guards what follows
	armed bool
	asked bool
	given []byte // nil if there was nothing
}

func (w *witness) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	archived, isEntry := strings.CutSuffix(name, ".json")
	if _, ok := inventory.ParseArchiveName(archived); !ok || !isEntry {
		return w.Store.Put(ctx, name, r, size)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	err = w.Store.Put(ctx, name, bytes.NewReader(b), size)
	if e, bad := inventory.DecodeEntry(b); bad == nil && e.Proof == inventory.Proven {
		w.commits(e)
	}
	return err
}

func (w *witness) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := w.Store.Get(ctx, name)
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := inventory.ParseArchiveName(name); !ok || !w.armed || w.asked {
		return r, err
	}
	w.asked = true
	if err != nil {
		return nil, err
	}
	defer r.Close()
	w.given, err = io.ReadAll(r)
	return io.NopCloser(bytes.NewReader(w.given)), err
}

func (w *witness) arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = true
}

// rebuilder proves in this process.
type rebuilder struct {
	with   *tamper
	broken bool // whether the tamper sits in its codec
	last   inventory.Proof
}

// Prove rebuilds the archive. A broken codec hands on another state than it was given, in a sound archive.
func (p *rebuilder) Prove(ctx context.Context, path string, want *inventory.Description) Verdict {
	v := p.prove(ctx, path, want)
	p.last = v.Proof
	return v
}

func (p *rebuilder) prove(ctx context.Context, path string, want *inventory.Description) Verdict {
	if err := p.with.strikeFile(inCopy, path); err != nil {
		return Verdict{inventory.Unproven, err.Error()}
	}
	wanted := &drill.Want{Index: want.Meta.Index, Term: want.Meta.Term, Families: want.Families, SHA256: hex.EncodeToString(want.SHA256[:])}
	report, err := drill.Prove(ctx, func() (io.ReadCloser, error) { return os.Open(path) }, wanted)
	if err != nil {
		return Verdict{inventory.Unproven, err.Error()}
	}
	if report.Proven() && p.broken {
		return p.rebuildBroken(path, want)
	}
	return Verdict{inventory.Proof(report.Proof), report.Reason}
}

// rebuildBroken compares, as the drill does, what the tables encode afresh; but what went into them went through a broken codec.
func (p *rebuilder) rebuildBroken(path string, want *inventory.Description) Verdict {
	b, err := os.ReadFile(path)
	if err == nil {
		var unlike string
		if unlike, err = rebuild(p.with.strike(inCodec, b), want.Families); err == nil && unlike != "" {
			return Verdict{inventory.Bad, fmt.Sprintf("what the tables encode: %s differ", unlike)}
		}
	}
	if err != nil {
		return Verdict{inventory.Bad, err.Error()}
	}
	return proven
}
