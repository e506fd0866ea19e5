package httpapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/lictor-dr/lictor/internal/acl"
)

// A Keyring is the gossip keys of the pools that the agent is in. Keys are base64. Its methods return once all members have answered,
// or have had the time of a gossip query to; the error then names those that did not do as told, and why. The relay factor is through
// how many other members each member sends its answer as well. With localOnly only the datacenter's own pool counts, and not that of all
// datacenters. No error contains a key.
type Keyring interface {
	// Check returns the error that a change would have in any pool: nothing is encrypted, or what is given is no key.
	Check(key string) error
	// List tells which keys the members have. The keys of members that did not answer are not in it, and there is an error then.
	List(relayFactor uint8, localOnly bool) ([]KeyringPool, error)
	// Install gives all members a key, with which they read messages from now on.
	Install(key string, relayFactor uint8, localOnly bool) error
	// Use makes an installed key the one that all members encrypt with.
	Use(key string, relayFactor uint8, localOnly bool) error
	// Remove takes a key away from all members. The one in use stays, which is an error.
	Remove(key string, relayFactor uint8, localOnly bool) error
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

// keyringTimeout is how long another datacenter may take to change or list the keys of its pool. Its members have some seconds.
const keyringTimeout = 40 * time.Second

// A keyChange is one of the changes of a Keyring.
type keyChange func(k Keyring, key string, relayFactor uint8, localOnly bool) error

func (h *Handler) keyringRoutes() []route {
	return []route{{path: "/v1/operator/keyring", wide: true, methods: keyringMethods(h.listKeyring, h.changeKeyring)}}
}

// keyringMethods are the methods of an endpoint for keys.
func keyringMethods(list endpoint, change func(*request, keyChange) error) []method {
	with := func(do keyChange) endpoint {
		return func(_ http.ResponseWriter, r *request) error { return change(r, do) }
	}
	return []method{
		{http.MethodGet, list},
		{http.MethodPost, with(Keyring.Install)},
		{http.MethodPut, with(Keyring.Use)},
		{http.MethodDelete, with(Keyring.Remove)},
	}
}

// listKeyring answers with the keys of all pools: the one of all datacenters, and the own one of each. The local pool is that of the
// datacenter in the request, if it names one.
func (h *Handler) listKeyring(w http.ResponseWriter, r *request) error {
	relay, err := keyringParams(r, acl.Read)
	if err != nil {
		return err
	}
	localOnly, err := flagParam(r, "local-only")
	if err != nil {
		return err
	}
	own := h.backend.Datacenter()
	if name := r.datacenter(); localOnly && name != "" && name != own {
		pools, err := h.keysElsewhere(r, name)
		if err != nil {
			return err
		}
		return writePools(w, r, pools)
	}
	if localOnly {
		return h.listOwnKeys(w, r)
	}
	var mu sync.Mutex
	parts := map[string][]KeyringPool{}
	err = h.everywhere(func(datacenter string) (err error) {
		var pools []KeyringPool
		if datacenter == own {
			pools, err = h.backend.Keyring().List(relay, false)
		} else {
			pools, err = h.keysElsewhere(r, datacenter)
		}
		mu.Lock()
		defer mu.Unlock()
		parts[datacenter] = pools
		return err
	})
	if err != nil {
		return err
	}
	all := parts[own]
	delete(parts, own)
	for _, datacenter := range slices.Sorted(maps.Keys(parts)) {
		all = append(all, parts[datacenter]...)
	}
	return writePools(w, r, all)
}

// listOwnKeys answers with the keys of this datacenter's own pool.
func (h *Handler) listOwnKeys(w http.ResponseWriter, r *request) error {
	relay, err := keyringParams(r, acl.Read)
	if err != nil {
		return err
	}
	pools, err := h.backend.Keyring().List(relay, true)
	if err != nil {
		return err
	}
	return writePools(w, r, pools)
}

// writePools answers with pools, in which nothing is null.
func writePools(w http.ResponseWriter, r *request, pools []KeyringPool) error {
	for i := range pools {
		p := &pools[i]
		p.Messages, p.Keys, p.PrimaryKeys = notNilMap(p.Messages), notNilMap(p.Keys), notNilMap(p.PrimaryKeys)
	}
	return writeJSON(w, r, notNil(pools))
}

// keysElsewhere are the keys of another datacenter's own pool.
func (h *Handler) keysElsewhere(r *request, datacenter string) (pools []KeyringPool, err error) {
	return pools, h.inquireKeyring(r, datacenter, nil, &pools)
}

// inquireKeyring has another datacenter do with its own pool what a request asks for.
func (h *Handler) inquireKeyring(r *request, datacenter string, body []byte, answer any) error {
	path := internalKeyringPath
	if text := r.query.Get("relay-factor"); text != "" {
		path += "?relay-factor=" + url.QueryEscape(text)
	}
	_, err := h.inquire(r.Context(), r, datacenter, inquiry{
		method: r.Method, path: path, secret: h.secretToSend(r), body: body, limit: keyringTimeout,
	}, answer)
	return err
}

// changeKeyring changes the keys of all pools. One that fails keeps nobody else from the change, which may be repeated.
func (h *Handler) changeKeyring(r *request, do keyChange) error {
	if r.has("local-only") {
		return badRequest("Invalid query parameter: \"local-only\" - only the list of keys can be that of the local pool alone")
	}
	key, relay, err := h.keyToChange(r)
	if err != nil {
		return err
	}
	body, err := json.Marshal(struct{ Key string }{key})
	if err != nil {
		return err
	}
	return h.everywhere(func(datacenter string) error {
		if datacenter == h.backend.Datacenter() {
			return do(h.backend.Keyring(), key, relay, false)
		}
		return h.inquireKeyring(r, datacenter, body, nil)
	})
}

// changeOwnKeys changes the keys of this datacenter's own pool.
func (h *Handler) changeOwnKeys(r *request, do keyChange) error {
	key, relay, err := h.keyToChange(r)
	if err != nil {
		return err
	}
	return do(h.backend.Keyring(), key, relay, true)
}

// keyToChange is the key in a request, if the caller may change keys.
func (h *Handler) keyToChange(r *request) (key string, relay uint8, err error) {
	if relay, err = keyringParams(r, acl.Write); err != nil {
		return "", 0, err
	}
	var change struct{ Key string }
	if err := decodeBody(r, &change); err != nil {
		return "", 0, err
	}
	if change.Key == "" {
		return "", 0, badRequest("Missing key")
	}
	return change.Key, relay, h.backend.Keyring().Check(change.Key)
}

// keyringParams checks the caller's right, and reads the relay factor.
func keyringParams(r *request, access acl.Access) (uint8, error) {
	if err := r.need(acl.Keyring, access, ""); err != nil {
		return 0, err
	}
	return relayFactor(r)
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
