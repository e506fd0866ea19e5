package selective

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/lictor-dr/lictor/internal/kvjson"
	"github.com/lictor-dr/lictor/internal/record"
)

// escapeKey escapes a key for a path, so that no server takes anything in it for a path of its own.
func escapeKey(key string) string { return strings.ReplaceAll(url.PathEscape(key), ".", "%2E") }

// readKeys visits the keys of a span, as one consistent read has them, while they arrive. An error may come after some.
func (t *Target) readKeys(ctx context.Context, s Span, visit func(*record.KVEntry) error) (filtered bool, err error) {
	if strings.ContainsFunc(s.Key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return t.readInTransaction(ctx, s, visit)
	}
	params := url.Values{"consistent": {""}}
	if s.Prefix {
		params.Set("recurse", "")
	}
	resp, err := t.call(ctx, http.MethodGet, "/v1/kv/"+escapeKey(s.Key), params, nil, http.StatusNotFound)
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }() // it is only read
	filtered = resp.Header.Get(filteredHeader) != ""
	if resp.StatusCode == http.StatusNotFound {
		if resp.Header.Get("X-Consul-Index") == "" { // a real one says at which index there was nothing
			return false, fmt.Errorf("%w: the agent knows no /v1/kv", errAnswer)
		}
		return filtered, nil
	}
	return filtered, eachEntry(resp.Body, visit)
}

// readInTransaction reads what no path can name: servers refuse paths with unprintable characters.
func (t *Target) readInTransaction(ctx context.Context, s Span, visit func(*record.KVEntry) error) (filtered bool, err error) {
	verb := "get"
	if s.Prefix {
		verb = "get-tree"
	}
	body, err := json.Marshal([]any{map[string]any{"KV": map[string]string{"Verb": verb, "Key": s.Key}}})
	if err != nil {
		return false, err
	}
	resp, err := t.call(ctx, http.MethodPut, "/v1/txn", url.Values{"consistent": {""}}, body, http.StatusConflict)
	if err != nil {
		return false, err
	}
	filtered = resp.Header.Get(filteredHeader) != ""
	var answer struct {
		Results []struct{ KV *record.KVEntry }
		Errors  []struct{ What string }
	}
	if err := decode(resp, &answer); err != nil {
		return false, err
	}
	for _, e := range answer.Errors {
		if denied(errors.New(e.What)) {
			return false, &statusError{http.StatusForbidden, e.What}
		}
	}
	for _, r := range answer.Results {
		if r.KV != nil {
			if err := visit(r.KV); err != nil {
				return false, err
			}
		}
	}
	return filtered, nil
}

// maxEntry is the longest entry of an answer that is read: that of the largest record, in base64.
const maxEntry = record.MaxRecord/3*4 + 1<<20

// eachEntry visits the entries of a list of keys, while it arrives. It tells an answer that broke off from one that is not what was asked for.
func eachEntry(r io.Reader, visit func(*record.KVEntry) error) error {
	var stopped error // by an entry
	err := kvjson.Elements(r, maxEntry, func(raw []byte) error {
		e, ok := kvjson.Entry(raw)
		if !ok {
			e = new(record.KVEntry)
			if err := json.Unmarshal(raw, e); err != nil {
				stopped = fmt.Errorf("%w: %w", errAnswer, err)
				return stopped
			}
		}
		stopped = visit(e)
		return stopped
	})
	var form *kvjson.FormError
	switch {
	case err == nil:
		return nil
	case stopped != nil:
		return stopped
	case errors.As(err, &form):
		return fmt.Errorf("%w: %w", errAnswer, form)
	}
	return fmt.Errorf("%w: %w", errBroken, err)
}

// readKey reads one key, nil if it is not there.
func (t *Target) readKey(ctx context.Context, key string) (e *record.KVEntry, err error) {
	err = t.again(ctx, transient, func() error {
		e = nil
		_, err := t.readKeys(ctx, Span{Key: key}, func(found *record.KVEntry) error {
			e = found
			return nil
		})
		return err
	})
	return e, err
}
