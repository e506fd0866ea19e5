package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/lictor-dr/lictor/internal/acl"
	"github.com/lictor-dr/lictor/internal/record"
	"github.com/lictor-dr/lictor/internal/state"
)

func (h *Handler) kvRoutes() []route {
	return []route{{path: "/v1/kv/", prefix: true, methods: []method{
		{http.MethodGet, h.kvGet}, {http.MethodPut, h.kvPut}, {http.MethodDelete, h.kvDelete},
	}}}
}

// kvGet answers GET with one entry, the entries or the names below a prefix, or a bare value.
func (h *Handler) kvGet(w http.ResponseWriter, r *request) error {
	switch {
	case r.has("keys"):
		return h.kvKeys(w, r)
	case r.has("recurse"):
		return h.kvList(w, r)
	case r.tail == "":
		return errMissingKey
	}
	if err := r.need(acl.Key, acl.Read, r.tail); err != nil {
		return err
	}
	var entry *record.KVEntry
	index, err := h.query(r, func(s Store, watch *state.Watch) (index uint64) {
		index, entry = s.KVGet(watch, r.tail)
		return index
	})
	if err != nil {
		return err
	}
	h.setMeta(w, index)
	switch {
	case entry == nil:
		w.WriteHeader(http.StatusNotFound)
		return nil
	case r.has("raw"):
		return writeRaw(w, entry.Value)
	}
	return writeList(w, r, []*record.KVEntry{entry}, appendKVEntry)
}

// writeRaw answers with a value as it is. The headers keep a browser from taking it for a page of this server.
func writeRaw(w http.ResponseWriter, value []byte) error {
	out := w.Header()
	out.Set("Content-Type", "text/plain")
	out.Set("X-Content-Type-Options", "nosniff")
	out.Set("Content-Security-Policy", "sandbox")
	out.Set("Content-Length", strconv.Itoa(len(value)))
	_, _ = w.Write(value)
	return nil
}

func (h *Handler) kvList(w http.ResponseWriter, r *request) error {
	if err := h.mayListKeys(r); err != nil {
		return err
	}
	var entries []*record.KVEntry
	index, err := h.query(r, func(s Store, watch *state.Watch) (index uint64) {
		index, entries = s.KVList(watch, r.tail)
		return index
	})
	if err != nil {
		return err
	}
	entries = visible(r, entries, func(e *record.KVEntry) bool { return r.may(acl.Key, acl.Read, e.Key) })
	h.setMeta(w, index)
	h.setHidden(w, r)
	if len(entries) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	return writeList(w, r, entries, appendKVEntry)
}

func (h *Handler) kvKeys(w http.ResponseWriter, r *request) error {
	if err := h.mayListKeys(r); err != nil {
		return err
	}
	var keys []string
	index, err := h.query(r, func(s Store, watch *state.Watch) (index uint64) {
		index, keys = s.KVKeys(watch, r.tail, r.query.Get("separator"))
		return index
	})
	if err != nil {
		return err
	}
	keys = visible(r, keys, func(key string) bool { return r.may(acl.Key, acl.Read, key) })
	h.setMeta(w, index)
	h.setHidden(w, r)
	if len(keys) == 0 && r.tail != "" {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	return writeList(w, r, keys, appendJSONString)
}

// kvPut answers PUT: it writes a value, on a condition or with a lock if the request says so.
func (h *Handler) kvPut(w http.ResponseWriter, r *request) error {
	if r.tail == "" {
		return errMissingKey
	}
	if err := conflict(r, "cas", "acquire", "release"); err != nil {
		return err
	}
	verb, e := "set", &record.KVEntry{Key: r.tail}
	var err error
	if e.Flags, err = uintParam(r, "flags"); err != nil {
		return err
	}
	switch {
	case r.has("cas"):
		verb = "cas"
		if e.ModifyIndex, err = uintParam(r, "cas"); err != nil {
			return err
		}
	case r.has("acquire"):
		verb, e.Session = "lock", r.query.Get("acquire")
	case r.has("release"):
		verb, e.Session = "unlock", r.query.Get("release")
	}
	if e.Value, err = readBody(r, h.cfg.KVMaxValueSize, "kv_max_value_size"); err != nil {
		return err
	}
	return h.kvApply(w, r, verb, e)
}

// kvDelete answers DELETE: it deletes a key, on a condition if the request says so, or all keys below a prefix.
func (h *Handler) kvDelete(w http.ResponseWriter, r *request) error {
	if err := conflict(r, "recurse", "cas"); err != nil {
		return err
	}
	verb, e := "delete", &record.KVEntry{Key: r.tail}
	switch {
	case r.has("recurse"):
		return h.kvApply(w, r, "delete-tree", e)
	case r.tail == "":
		return errMissingKey
	case r.has("cas"):
		verb = "delete-cas"
		var err error
		if e.ModifyIndex, err = uintParam(r, "cas"); err != nil {
			return err
		}
	}
	return h.kvApply(w, r, verb, e)
}

// mayListKeys tells whether the caller may list the keys below a prefix. Unless the operator wants it otherwise anybody may, and sees
// what may be read.
func (h *Handler) mayListKeys(r *request) error {
	if !h.cfg.KeyListPolicy {
		return nil
	}
	return r.needPrefix(acl.Key, acl.List, r.tail)
}

func (h *Handler) kvApply(w http.ResponseWriter, r *request, verb string, e *record.KVEntry) error {
	need := r.need
	if verb == "delete-tree" {
		need = r.needPrefix
	}
	if err := need(acl.Key, acl.Write, e.Key); err != nil {
		return err
	}
	if verb == "lock" && h.backend.Store().LockDelayed(e.Key) {
		return writeJSON(w, r, false)
	}
	done, err := h.backend.KVApply(r.Context(), verb, e)
	if err != nil {
		return err
	}
	return writeJSON(w, r, done)
}

// conflict returns an error if more than one of the named parameters is there.
func conflict(r *request, names ...string) error {
	given := url.Values{}
	for _, name := range names {
		if values, ok := r.query[name]; ok {
			given[name] = values
		}
	}
	if len(given) < 2 {
		return nil
	}
	return badRequest("Conflicting flags: %s\n", given.Encode())
}

// uintParam reads a parameter that must be a number if it is there; without it the result is 0.
func uintParam(r *request, name string) (uint64, error) {
	if !r.has(name) {
		return 0, nil
	}
	return strconv.ParseUint(r.query.Get(name), 10, 64)
}

// readBody reads a body of at most limit bytes, nil if it is empty. The announced length is not trusted: a body that comes in
// chunks has none. setting names the limit to the client, if it can be configured.
func readBody(r *request, limit int64, setting string) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(fmt.Sprintf("%d bytes", r.ContentLength), limit, setting)
	}
	body, err := readUpTo(r.Body, r.ContentLength, limit)
	switch {
	case errors.Is(err, errTooLong):
		return nil, tooLarge(fmt.Sprintf("more than %d bytes", limit), limit, setting)
	case err != nil:
		return nil, badRequest("failed to read the request's body: %v", err)
	}
	r.body = body
	if len(body) == 0 {
		return nil, nil
	}
	return body, nil
}

func tooLarge(size string, limit int64, setting string) error {
	advice := ""
	if setting != "" {
		advice = " See https://developer.hashicorp.com/consul/docs/agent/config/config-files#" + setting + "."
	}
	return refuse(http.StatusRequestEntityTooLarge, "Request body(%s) too large, max size: %d bytes.%s", size, limit, advice)
}

var errTooLong = errors.New("longer than allowed")

const trustLength = 1 << 20 // so much is allocated on the word of a client

// readUpTo reads src, whose length may be known, to its end.
func readUpTo(src io.Reader, length, limit int64) ([]byte, error) {
	if length >= 0 && length <= trustLength {
		body := make([]byte, length)
		_, err := io.ReadFull(src, body)
		if err != nil {
			return nil, fmt.Errorf("%d bytes were announced: %w", length, err)
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(src, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = errTooLong
	}
	return body, err
}
