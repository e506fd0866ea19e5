package archive

import (
	"errors"
	"fmt"
)

var (
	// ErrCorrupt marks every error that means: these bytes are not a sound snapshot archive. Reading them again gives
	// the same error.
	ErrCorrupt = errors.New("snapshot archive is damaged")

	// ErrRead marks a failure to read the input. It says nothing about the archive; reading again may succeed.
	ErrRead = errors.New("snapshot archive could not be read")

	// ErrNotRestorable marks an archive that is sound but that Consul's Raft layer refuses to restore.
	ErrNotRestorable = errors.New("snapshot cannot be restored")
)

// Error is what Read and File.Read return for damage (ErrCorrupt) and for input that cannot be read (ErrRead). Its text
// begins with the words of Consul 1.21.4 for the same archive.
type Error struct {
	// Member is the name of the member at fault; empty if the fault lies outside the three members.
	Member string
	// Offset is how many bytes of the decompressed tar stream had been read when the fault was found (of state.bin
	// itself, if that was read without an archive).
	Offset int64

	kind  error
	text  string
	cause error
}

func (e *Error) Error() string { return e.text }

// Unwrap gives ErrCorrupt, or ErrRead and the error of the input. The cause of damage is not exposed: a caller that
// tests for io.EOF must not take a cut archive for the end of its data.
func (e *Error) Unwrap() []error {
	if e.kind == ErrRead {
		return []error{e.kind, e.cause}
	}
	return []error{e.kind}
}

// StateError carries the error of a StateFunc out of Read. Its text is that of the wrapped error alone.
type StateError struct{ Err error }

func (e *StateError) Error() string { return e.Err.Error() }

// Unwrap gives the error that the StateFunc returned.
func (e *StateError) Unwrap() error { return e.Err }

// RawMetaError reports that the meta.json beside a raw state.bin cannot be used. "Error " followed by its text is
// Consul's message.
type RawMetaError struct{ Err error }

func (e *RawMetaError) Error() string {
	return fmt.Sprintf("reading meta.json from internal snapshot dir: %v", e.Err)
}

// Unwrap gives the cause: an *fs.PathError, or an *Error if the content is damaged.
func (e *RawMetaError) Unwrap() error { return e.Err }

// corrupt makes damage out of Consul's words for it.
func corrupt(member string, offset int64, format string, args ...any) *Error {
	return &Error{Member: member, Offset: offset, kind: ErrCorrupt, text: fmt.Sprintf(format, args...)}
}

// sourceError is an error of the caller's reader, marked where it enters so that it can be told from damage.
type sourceError struct {
	err   error
	after int64 // bytes that the reader had given before
}

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// classify makes an *Error of a failure of the stream: a read failure if it came from the caller's reader, else damage.
func classify(prefix, member string, offset int64, err error) *Error {
	var src *sourceError
	if errors.As(err, &src) {
		text := fmt.Sprintf("%s%v (reading the archive failed after %d bytes)", prefix, src.err, src.after)
		return &Error{Member: member, Offset: offset, kind: ErrRead, text: text, cause: src.err}
	}
	return corrupt(member, offset, "%s%v", prefix, err)
}
