package main

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

func TestDiscardResponse(t *testing.T) {
	for _, c := range []struct {
		name, in string
		err      string // part of it, or empty
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nVary: x\r\n\r\ntrue", ""},
		{"lower case", "HTTP/1.1 200 OK\r\ncontent-length:4\r\n\r\ntrue", ""},
		{"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n", ""},
		{"refused", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 9\r\n\r\nno leader", "no leader"},
		{"no length", "HTTP/1.1 200 OK\r\n\r\n", "no length"},
		{"bad length", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "invalid syntax"},
		{"not a header", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", "malformed"},
		{"cut head", "HTTP/1.1 200 OK\r\nContent-", "EOF"},
		{"cut body", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntr", "EOF"},
		{"cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na", "EOF"},
		{"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk length"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rest := ""
			if c.err == "" {
				rest = "the next response"
			}
			in := bufio.NewReader(strings.NewReader(c.in + rest))
			err := discardResponse(in)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v, want an error with %q", err, c.err)
				}
				return
			}
			if left, _ := io.ReadAll(in); err != nil || string(left) != rest {
				t.Errorf("error %v, %q is left, want %q", err, left, rest)
			}
		})
	}
}

func FuzzDiscardResponse(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		if discardResponse(bufio.NewReader(strings.NewReader(in))) == nil && !strings.HasPrefix(in, "HTTP/1.1 200 ") {
			t.Errorf("%q was taken for a good response", in)
		}
	})
}
