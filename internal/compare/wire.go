package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// A wire is a kept-alive HTTP/1.1 connection that costs as little as possible on this side: the measured server and this program
// share the processors, so whatever is spent here is missing there.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
	head []byte // header lines of every request
}

func (t *target) dial() (*wire, error) {
	conn, err := net.DialTimeout("tcp", t.addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	head := []byte(" HTTP/1.1\r\nHost: " + t.addr + "\r\n")
	if t.token != "" {
		head = append(head, "X-Consul-Token: "+t.token+"\r\n"...)
	}
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 4<<10), head: head}, nil
}

func (w *wire) close() error { return w.conn.Close() }

// get asks for something and throws the answer away.
func (w *wire) get(path string) error {
	if err := w.ask(path); err != nil {
		return err
	}
	return discardResponse(w.in)
}

// ask sends a question.
func (w *wire) ask(path string) error {
	w.out = append(append(w.out[:0], "GET "...), path...)
	w.out = append(append(w.out, w.head...), "\r\n"...)
	return w.send()
}

// put writes something.
func (w *wire) put(path string, body []byte) error {
	w.out = append(append(w.out[:0], "PUT "...), path...)
	w.out = append(append(w.out, w.head...), "Content-Length: "...)
	w.out = strconv.AppendInt(w.out, int64(len(body)), 10)
	w.out = append(append(w.out, "\r\n\r\n"...), body...)
	if err := w.send(); err != nil {
		return err
	}
	return discardResponse(w.in)
}

// patience is how long an answer is waited for.
const patience = time.Minute

func (w *wire) send() error {
	if err := w.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := w.conn.Write(w.out)
	return err
}

// discardResponse reads a response to its end. Any status but 200 is an error.
func discardResponse(in *bufio.Reader) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		rest, _ := in.Peek(in.Buffered())
		return fmt.Errorf("the server answered %q", string(line)+string(rest))
	}
	length := -1
	chunked := false
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
		name, value, ok := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		switch {
		case len(name) == 0:
			return discardBody(in, length, chunked)
		case !ok:
			return fmt.Errorf("malformed header line %q", line)
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
}

func discardBody(in *bufio.Reader, length int, chunked bool) error {
	if !chunked {
		if length < 0 {
			return fmt.Errorf("the response has no length")
		}
		_, err := in.Discard(length)
		return err
	}
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return fmt.Errorf("chunk length: %w", err)
		}
		if _, err := in.Discard(int(n) + len("\r\n")); err != nil || n == 0 {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
}
