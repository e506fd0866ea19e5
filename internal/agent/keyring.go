package agent

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/serf/serf"

	"github.com/lictor-dr/lictor/internal/gossip"
	"github.com/lictor-dr/lictor/internal/httpapi"
)

// keyring is the gossip keys of the pools that an agent is in.
type keyring struct {
	lan, wan   *gossip.Pool // wan is nil unless the agent is in that pool
	datacenter string
}

// Keyring is the gossip keys.
func (b *backend) Keyring() httpapi.Keyring { return keyring{b.pool, b.wan, b.config.Datacenter} }

// The errors of a pool without encryption. Encryption cannot be switched on by installing a key.
var (
	errNoKeys    = errors.New("Keyring is empty (encryption not enabled)")
	errNoKeyring = errors.New("No keyring to modify (encryption not enabled)")
)

// pools are those with encryption, that of all datacenters first.
func (k keyring) pools(localOnly bool) (list []*gossip.Pool) {
	for _, pool := range []*gossip.Pool{k.wan, k.lan} {
		if pool != nil && pool.Encrypted() && !(localOnly && pool == k.wan) {
			list = append(list, pool)
		}
	}
	return list
}

func (k keyring) List(relayFactor uint8, localOnly bool) (list []httpapi.KeyringPool, err error) {
	for _, pool := range k.pools(localOnly) {
		response, err := pool.Keys().ListKeysWithOptions(relayed(relayFactor))
		if err != nil {
			return nil, keyFailure(response, err)
		}
		list = append(list, httpapi.KeyringPool{
			WAN: pool == k.wan, Datacenter: k.datacenter, Messages: response.Messages, Keys: response.Keys, PrimaryKeys: response.PrimaryKeys,
			NumNodes: response.NumNodes,
		})
	}
	if len(list) == 0 {
		return nil, errNoKeys
	}
	return list, nil
}

func (k keyring) Install(key string, relayFactor uint8, localOnly bool) error {
	return k.change((*serf.KeyManager).InstallKeyWithOptions, key, relayFactor, localOnly)
}

func (k keyring) Use(key string, relayFactor uint8, localOnly bool) error {
	return k.change((*serf.KeyManager).UseKeyWithOptions, key, relayFactor, localOnly)
}

func (k keyring) Remove(key string, relayFactor uint8, localOnly bool) error {
	return k.change((*serf.KeyManager).RemoveKeyWithOptions, key, relayFactor, localOnly)
}

func (k keyring) Check(key string) error {
	if len(k.pools(false)) == 0 {
		return errNoKeyring
	}
	if _, err := gossip.DecodeKey(key); err != nil {
		return &badKey{err}
	}
	return nil
}

// keyChange is a method of a key manager.
type keyChange func(*serf.KeyManager, string, *serf.KeyRequestOptions) (*serf.KeyResponse, error)

// change changes all pools at once: the one of all datacenters is slow to answer.
func (k keyring) change(do keyChange, key string, relayFactor uint8, localOnly bool) error {
	if err := k.Check(key); err != nil {
		return err
	}
	pools := k.pools(localOnly)
	errs := make([]error, len(pools))
	var running sync.WaitGroup
	for i, pool := range pools {
		running.Go(func() {
			response, err := do(pool.Keys(), key, relayed(relayFactor))
			errs[i] = keyFailure(response, err)
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

func relayed(factor uint8) *serf.KeyRequestOptions {
	return &serf.KeyRequestOptions{RelayFactor: factor}
}

// badKey is the error of what is not a key.
type badKey struct{ error }

// HTTPStatus is the status of the answer: the request is wrong.
func (*badKey) HTTPStatus() int { return http.StatusBadRequest }

// keyFailure adds to the error of a change or a listing what the members told. It is nil without an error.
func keyFailure(response *serf.KeyResponse, err error) error {
	if err == nil {
		return nil
	}
	if response.NumErr == 0 && response.NumResp < response.NumNodes {
		err = fmt.Errorf("%w: the others did not answer in time; repeat this once all members are alive", err)
	}
	var told []string
	for _, node := range slices.Sorted(maps.Keys(response.Messages)) {
		message, _, _ := strings.Cut(response.Messages[node], ": [") // an answer that cannot be read may hold keys
		told = append(told, node+": "+message)
	}
	if len(told) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", err, strings.Join(told, "; "))
}
