package archive

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/gzip"
)

const (
	chunkSize    = 512 << 10
	chunkCount   = 4
	sourceBuffer = 128 << 10
)

// source marks the errors of the caller's reader and counts its bytes.
type source struct {
	r io.Reader
	n int64
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if err != nil && err != io.EOF {
		err = &sourceError{err: err, after: s.n}
	}
	return n, err
}

// chunk is a run of decompressed bytes, and what ended the stream after them, if it ended.
type chunk struct {
	buf []byte
	err error
}

// inflater decompresses in a goroutine of its own, ahead of its consumer by at most chunkCount buffers. It is an
// io.Reader for the consumer. An error is delivered after all bytes that came before it.
type inflater struct {
	src  *source
	br   *bufio.Reader
	gz   *gzip.Reader
	free chan []byte
	full chan chunk
	quit chan struct{}
	done chan struct{}

	// Of the consumer:
	chunk chunk
	rest  []byte // of chunk.buf, not yet read
	pos   int64  // bytes read
	err   error  // delivered end of the stream, io.EOF if it was sound
}

// newInflater reads the first gzip header and starts the goroutine. After an error there is nothing to stop.
func newInflater(r io.Reader) (*inflater, error) {
	src := &source{r: r}
	in := &inflater{
		src:  src,
		br:   bufio.NewReaderSize(src, sourceBuffer),
		free: make(chan []byte, chunkCount),
		full: make(chan chunk, chunkCount),
		quit: make(chan struct{}),
		done: make(chan struct{}),
	}
	if err := in.nextMember(); err != nil {
		return nil, noProgress(err, src)
	}
	for range chunkCount {
		in.free <- nil // made when first used: short archives need only one
	}
	go in.run()
	return in, nil
}

// stop ends the goroutine. It waits for a read of the source that is under way.
func (in *inflater) stop() {
	close(in.quit)
	<-in.done
}

// nextMember opens the gzip member that follows; io.EOF if there is none.
func (in *inflater) nextMember() error {
	if _, err := in.br.Peek(1); err != nil {
		return err
	}
	if in.gz == nil {
		in.gz = new(gzip.Reader)
	}
	err := in.gz.Reset(in.br)
	if err == io.EOF { // inside a name, where the library forgets that the end is not expected
		err = io.ErrUnexpectedEOF
	}
	in.gz.Multistream(false)
	return err
}

func (in *inflater) run() {
	defer close(in.done)
	for {
		var buf []byte
		select {
		case buf = <-in.free:
		case <-in.quit:
			return
		}
		if buf == nil {
			buf = make([]byte, chunkSize)
		}
		n, err := in.fill(buf)
		select {
		case in.full <- chunk{buf[:n], err}:
		case <-in.quit:
			return
		}
		if err != nil {
			return
		}
	}
}

// fill decompresses until buf is full or the stream ends.
func (in *inflater) fill(buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		select {
		case <-in.quit:
			return n, io.ErrClosedPipe
		default:
		}
		var k int
		k, err = in.gz.Read(buf[n:])
		n += k
		if err == io.EOF {
			err = in.nextMember()
		}
	}
	return n, noProgress(err, in.src)
}

// noProgress counts a reader that gives neither bytes nor an error as a failure of the reader.
func noProgress(err error, src *source) error {
	if err == io.ErrNoProgress {
		return &sourceError{err: err, after: src.n}
	}
	return err
}

// Read gives the next decompressed bytes.
func (in *inflater) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(in.rest) == 0 {
		if in.chunk.err != nil {
			in.err = in.chunk.err
			return 0, in.err
		}
		if in.chunk.buf != nil {
			in.free <- in.chunk.buf[:chunkSize]
		}
		in.chunk = <-in.full
		in.rest = in.chunk.buf
	}
	n := copy(p, in.rest)
	in.rest = in.rest[n:]
	in.pos += int64(n)
	return n, nil
}

// failure is the error that broke the stream, nil if the consumer has met none yet.
func (in *inflater) failure() error {
	if in.err == io.EOF {
		return nil
	}
	return in.err
}

// consumed is the length of the compressed input. To be called after stop.
func (in *inflater) consumed() int64 { return in.src.n }
