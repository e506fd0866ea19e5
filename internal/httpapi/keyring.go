package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/lictor-dr/lictor/internal/acl"
)

// A Keyring is the gossip keys of the pools that the agent is in. Keys are base64. Its methods return once all members have answered,
// or have had the time of a gossip query to; the error then names those that did not do as told, and why. The relay factor is through
// how many other members each member sends its answer as well. No error contains a key.
type Keyring interface {
	// List tells which keys the members have, with localOnly those of the datacenter's own pool. The keys of members that did not answer are
	// not in it, and there is an error then.
	List(relayFactor uint8, localOnly bool) ([]KeyringPool, error)
	// Install gives all members a key, with which they read messages from now on.
	Install(key string, relayFactor uint8) error
	// Use makes an installed key the one that all members encrypt with.
	Use(key string, relayFactor uint8) error
	// Remove takes a key away from all members. The one in use stays, which is an error.
	Remove(key string, relayFactor uint8) error
}

// KeyringPool is the keys of one pool, as /v1/operator/keyring lists them.
type KeyringPool struct {
	WAN         bool
	Datacenter  string
	Segment     string
	Messages    map[string]string // by member: what was wrong there
	Keys        map[string]int    // how many members have a key
	PrimaryKeys map[string]int    // how many members encrypt with a key
	NumNodes    int
}

// maxRelayFactor is the highest number of members that an answer is sent through.
const maxRelayFactor = 5

func (h *Handler) keyringRoutes() []route {
	change := func(do func(Keyring, string, uint8) error) endpoint {
		return func(_ http.ResponseWriter, r *request) error { return h.changeKeyring(r, do) }
	}
	return []route{{path: "/v1/operator/keyring", methods: []method{
		{http.MethodGet, h.listKeyring},
		{http.MethodPost, change(Keyring.Install)},
		{http.MethodPut, change(Keyring.Use)},
		{http.MethodDelete, change(Keyring.Remove)},
	}}}
}

// listKeyring answers with the keys.
func (h *Handler) listKeyring(w http.ResponseWriter, r *request) error {
	if err := r.need(acl.Keyring, acl.Read, ""); err != nil {
		return err
	}
	relay, err := relayFactor(r)
	if err != nil {
		return err
	}
	localOnly := r.has("local-only")
	if text := r.query.Get("local-only"); text != "" {
		if localOnly, err = strconv.ParseBool(text); err != nil {
			return badRequest("Invalid value for local-only: %q is neither true nor false", text)
		}
	}
	pools, err := h.backend.Keyring().List(relay, localOnly)
	if err != nil {
		return err
	}
	for i := range pools {
		p := &pools[i]
		p.Messages, p.Keys, p.PrimaryKeys = notNilMap(p.Messages), notNilMap(p.Keys), notNilMap(p.PrimaryKeys)
	}
	return writeJSON(w, r, notNil(pools))
}

func (h *Handler) changeKeyring(r *request, do func(Keyring, string, uint8) error) error {
	if err := r.need(acl.Keyring, acl.Write, ""); err != nil {
		return err
	}
	relay, err := relayFactor(r)
	if err != nil {
		return err
	}
	if r.has("local-only") {
		return badRequest("Invalid query parameter: \"local-only\" - only the list of keys can be that of the local pool alone")
	}
	body, err := readBody(r, maxRequestBody, "")
	if err != nil {
		return err
	}
	var change struct{ Key string }
	if err := json.Unmarshal(body, &change); err != nil {
		return badRequest("Request decode failed: %v", err)
	}
	if change.Key == "" {
		return badRequest("Missing key")
	}
	return do(h.backend.Keyring(), change.Key, relay)
}

func relayFactor(r *request) (uint8, error) {
	text := r.query.Get("relay-factor")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || n > maxRelayFactor {
		return 0, badRequest("Invalid value for relay-factor: %q is not a number from 0 to %d", text, maxRelayFactor)
	}
	return uint8(n), nil
}
