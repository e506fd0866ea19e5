package kvjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrCut tells that a stream ended in the middle of an array.
var ErrCut = errors.New("it is cut off in the middle")

// A FormError tells that a stream is no array of objects.
type FormError struct{ text string }

// Error says what stands where in place of what.
func (e *FormError) Error() string { return e.text }

func misformed(format string, args ...any) error { return &FormError{fmt.Sprintf(format, args...)} }

// splitter cuts an array of objects, which it reads as a stream, into the text of its elements. It knows no more of JSON than where
// strings and objects end: whoever takes an element must parse it.
type splitter struct {
	r        io.Reader
	buf      []byte
	pos, end int // what is read and not yet handed out
	most     int // bytes of one element
}

// Elements calls fn with each element of the array in r, in order, while it arrives. The text is fn's until it returns; none is longer than
// most bytes. A document that is null has no elements. Errors are ErrCut, a FormError, those of r and those of fn, as they are.
func Elements(r io.Reader, most int, fn func(raw []byte) error) error {
	return (&splitter{r: r, buf: make([]byte, min(256<<10, max(most, 512))), most: most}).each(fn)
}

func (s *splitter) each(fn func(raw []byte) error) error {
	c, err := s.next()
	switch {
	case err != nil:
		return err
	case c == 'n':
		return s.null()
	case c != '[':
		return misformed("it is not a JSON array, but begins with %q", c)
	}
	for first := true; ; first = false {
		done, err := s.separator(first)
		if err != nil {
			return err
		}
		if done {
			return s.ended()
		}
		raw, err := s.object()
		if err != nil {
			return err
		}
		if err := fn(raw); err != nil {
			return err
		}
	}
}

// separator goes on to the next element, or tells that there is none.
func (s *splitter) separator(first bool) (done bool, err error) {
	c, err := s.next()
	switch {
	case err != nil:
		return false, err
	case c == ']':
		return true, nil
	case !first && c != ',':
		return false, misformed("%q stands where the next entry or the end of the array is expected", c)
	case !first:
		if c, err = s.next(); err != nil {
			return false, err
		}
	}
	if c != '{' {
		return false, misformed("an entry is not a JSON object, but begins with %q", c)
	}
	s.pos--
	return false, nil
}

// object takes the object that begins here.
func (s *splitter) object() ([]byte, error) {
	depth := 0
	for n := 0; ; n++ {
		if s.pos+n >= s.end {
			if err := s.fill(); err != nil {
				return nil, err
			}
		}
		switch s.buf[s.pos+n] {
		case '"':
			end, err := s.quote(n + 1)
			if err != nil {
				return nil, err
			}
			n = end
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				raw := s.buf[s.pos : s.pos+n+1]
				s.pos += n + 1
				return raw, nil
			}
		}
	}
}

// quote finds the quote that ends the string which begins at n, counted from pos.
func (s *splitter) quote(n int) (int, error) {
	for from := n; ; {
		i := bytes.IndexByte(s.buf[s.pos+from:s.end], '"')
		if i >= 0 {
			if !s.escaped(n, from+i) {
				return from + i, nil
			}
			from += i + 1
			continue
		}
		from = s.end - s.pos
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

// escaped tells whether an odd number of backslashes stands before a quote.
func (s *splitter) escaped(begin, quote int) bool {
	odd := false
	for i := quote - 1; i >= begin && s.buf[s.pos+i] == '\\'; i-- {
		odd = !odd
	}
	return odd
}

// next takes the next byte that is not white space.
func (s *splitter) next() (byte, error) {
	for {
		if s.pos == s.end {
			if err := s.fill(); err != nil {
				return 0, err
			}
		}
		c := s.buf[s.pos]
		s.pos++
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c, nil
		}
	}
}

// null takes the rest of the word.
func (s *splitter) null() error {
	for _, want := range []byte("ull") {
		if s.pos == s.end {
			if err := s.fill(); err != nil {
				return err
			}
		}
		if c := s.buf[s.pos]; c != want {
			return misformed("it is neither a JSON array nor null")
		}
		s.pos++
	}
	return s.ended()
}

// ended wants nothing but white space up to the end.
func (s *splitter) ended() error {
	c, err := s.next()
	if err == ErrCut {
		return nil
	}
	if err != nil {
		return err
	}
	return misformed("%q follows the end of the array", c)
}

// fill reads more behind what is not yet handed out.
func (s *splitter) fill() error {
	if s.pos > 0 {
		s.end = copy(s.buf, s.buf[s.pos:s.end])
		s.pos = 0
	}
	if s.end == len(s.buf) {
		if s.end >= s.most {
			return misformed("an entry is longer than %d MiB", s.most>>20)
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for range 100 {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		switch {
		case n > 0:
			return nil
		case err == io.EOF:
			return ErrCut
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}
