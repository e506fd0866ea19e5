package archive

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
)

// The members of an archive.
const (
	nameMeta  = "meta.json"
	nameState = "state.bin"
	nameSums  = "SHA256SUMS"
)

// maxSmallMember limits meta.json and SHA256SUMS, which are held in memory.
const maxSmallMember = 1 << 20

// Consul's words for the step that failed.
const (
	stepOpen      = "failed to decompress snapshot: "
	stepFile      = "failed to read snapshot file: "
	stepTar       = stepFile + "failed reading snapshot: "
	stepMeta      = stepFile + "failed to read snapshot metadata: "
	stepDecode    = stepFile + "failed to decode snapshot metadata: "
	stepState     = stepFile + "failed to read or write snapshot data: "
	stepSums      = stepFile + "failed to read snapshot hashes: "
	stepIntegrity = stepFile + "failed checking integrity of snapshot: "
)

// StateFunc consumes state.bin while it streams by. meta is nil if meta.json comes later in the archive (Consul never
// writes it so, but reads it). r gives the bytes of state.bin, then io.EOF; any other error of r means that the archive
// broke, and Read will return that error whatever the function makes of it. r must not be used after the function has
// returned. The function may return before the end of r.
//
// The bytes are unverified until Read has returned nil. Do nothing with them that cannot be undone.
type StateFunc func(meta *Meta, r io.Reader) error

// Result describes an archive that was read or written as a whole.
type Result struct {
	// Meta is meta.json.
	Meta Meta
	// StateSize is the length of state.bin, which may differ from Meta.Size in an archive that was read.
	StateSize int64
	// StateSHA256 is the digest of state.bin.
	StateSHA256 [sha256.Size]byte
	// Bytes is the length of the archive.
	Bytes int64
}

// Read reads and verifies the archive in r, in one pass and to the end of r. state, which may be nil, is called with
// state.bin. An archive without state.bin is damaged; state is not called then.
//
// If state fails, Read nevertheless goes on, for bad records are most often the sign of a bad archive: damage anywhere
// in the archive is reported in preference to the error of state. Only an error that is context.Canceled or
// context.DeadlineExceeded ends Read at once. The error of state is returned as a *StateError.
//
// Read has no context: to cancel it, make r or state fail. It waits for a call of r.Read that is under way.
func Read(r io.Reader, state StateFunc) (*Result, error) {
	in, err := newInflater(r)
	if err != nil {
		return nil, classify(stepOpen, "", 0, err)
	}
	rd := &reader{in: in, tar: tar.NewReader(in), state: state, seen: map[string]bool{}}
	if err := rd.read(); err != nil {
		return nil, err
	}
	return &Result{Meta: *rd.meta, StateSize: rd.stateSize, StateSHA256: rd.stateSum, Bytes: in.consumed()}, nil
}

// reader is one run of Read.
type reader struct {
	in    *inflater
	tar   *tar.Reader
	state StateFunc
	seen  map[string]bool

	meta      *Meta
	metaSize  int64
	metaSum   [sha256.Size]byte
	stateSize int64
	stateSum  [sha256.Size]byte
	stateErr  error
	sums      []byte
}

func (rd *reader) read() error {
	defer rd.in.stop()
	for _, step := range []func() error{rd.readMembers, rd.checkSums, rd.readRest} {
		if err := step(); err != nil {
			return rd.prefer(err)
		}
	}
	return rd.stateErr
}

// prefer picks the error to return if state has failed and err came later: a source that fails after that says nothing
// about the archive, damage does.
func (rd *reader) prefer(err error) error {
	if rd.stateErr != nil && errors.Is(err, ErrRead) {
		return rd.stateErr
	}
	return err
}

func (rd *reader) readMembers() error {
	for {
		hdr, err := rd.tar.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return rd.fault(stepTar, "", err)
		}
		if err := rd.admit(hdr); err != nil {
			return err
		}
		if err := rd.readMember(hdr); err != nil {
			return err
		}
	}
}

func (rd *reader) readMember(hdr *tar.Header) error {
	switch hdr.Name {
	case nameMeta:
		return rd.readMeta(hdr)
	case nameSums:
		data, err := rd.readSmall(hdr, stepSums)
		rd.sums = data
		return err
	default:
		return rd.readState()
	}
}

// readMeta decodes meta.json at once, before its sum is known, as Consul does.
func (rd *reader) readMeta(hdr *tar.Header) error {
	data, err := rd.readSmall(hdr, stepMeta)
	if err != nil {
		return err
	}
	rd.metaSize = int64(len(data))
	rd.metaSum = sha256.Sum256(data)
	if rd.meta, err = decodeMeta(data); err != nil {
		return corrupt(nameMeta, rd.in.pos, "%s%v", stepDecode, err)
	}
	return nil
}

func (rd *reader) readSmall(hdr *tar.Header, step string) ([]byte, error) {
	if hdr.Size > maxSmallMember {
		return nil, corrupt(hdr.Name, rd.in.pos, "%s%s has %d bytes, at most %d are accepted",
			step, hdr.Name, hdr.Size, maxSmallMember)
	}
	var buf bytes.Buffer // grows with what is there, not with what is claimed
	if _, err := buf.ReadFrom(rd.tar); err != nil {
		return nil, rd.fault(step, hdr.Name, err)
	}
	return buf.Bytes(), nil
}

func (rd *reader) readState() error {
	sha := sha256.New()
	sr := newStateReader(rd.tar, sha, func(err error) error { return rd.fault(stepState, nameState, err) })
	defer sr.hash.finish()
	var err error
	rd.stateErr, err = sr.run(rd.meta, rd.state)
	rd.stateSize = sr.n
	sha.Sum(rd.stateSum[:0])
	return err
}

// readRest reads what follows the tar stream: nothing, in a sound archive, but the gzip trailer.
func (rd *reader) readRest() error {
	n, err := io.Copy(io.Discard, rd.in)
	if err != nil {
		return rd.fault("", "", err)
	}
	if n > 0 {
		return corrupt("", rd.in.pos-n, "%d unread uncompressed bytes remain", n)
	}
	return nil
}

// fault makes an *Error of an error that tar or the stream below it gave. A broken stream explains any error of tar.
func (rd *reader) fault(step, member string, err error) error {
	if broken := rd.in.failure(); broken != nil {
		err = broken
	}
	return classify(step, member, rd.in.pos, err)
}
